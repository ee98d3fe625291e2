"""reflectors"""
