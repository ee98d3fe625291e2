"""Files, folders and tables that an interrupted write cannot damage."""
