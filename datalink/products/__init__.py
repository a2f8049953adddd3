"""Spectra, light curves and maps, made on demand with Gammapy from the observations of an archive."""
