"""What the panels do, as methods of TextoMorphLogic: each is of use without a panel, from Slicer's Python console.

The library does the work; here its arrays meet the scene's nodes. No package beyond Slicer's own is imported before it
is needed, so that the module loads and explains itself when they are not installed yet.
"""
