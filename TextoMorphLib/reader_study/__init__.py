"""The text-driven Visual Turing Test: can readers tell synthetic tumours from real ones of the same shape and text?

table + create -> study (a folder, and its key apart) -> session (one reader's answers) -> score -> report
"""
