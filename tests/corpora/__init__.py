"""Tries any folder of Markdown: what is read of it, beside Astro's own functions, and whether edits are exact.

    python -m tests.corpora FOLDER [--edits 2] [--seed 1] [--show 3]

Nothing is written into the folder. `judge.py` asks Astro, `reading.py` compares what is read, `editing.py` edits.
"""
