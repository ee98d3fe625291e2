"""Colours that colour-blind readers tell apart (Okabe and Ito, 2008), with marks and hatches that survive print."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#AA4499", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
HATCHES = ("", "////", "----", "xxxx", "\\\\\\\\", "||||", "++++")  # of strokes: dots take half a megabyte
