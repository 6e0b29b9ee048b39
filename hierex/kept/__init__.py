"""What a workspace keeps: results, the record of runs, what people wrote and judged, what models answered.

One module per kind of row. Rows are added or marked as undone, and never overwritten.
"""
