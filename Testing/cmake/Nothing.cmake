# Packaging is Slicer's own work.
