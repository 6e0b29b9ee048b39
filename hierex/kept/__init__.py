"""What a workspace keeps: results, the record of runs, what people wrote, judged and decided, what models answered.

One module per kind of row. What people wrote and what models answered is only added, or marked as undone.
"""
