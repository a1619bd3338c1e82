"""Synthesis: from a written project to a report of what it costs, by open or vendor tools."""
