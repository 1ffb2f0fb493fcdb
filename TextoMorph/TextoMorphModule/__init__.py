"""The parts of the TextoMorph module: Actions does the work, Panels are what one sees."""
