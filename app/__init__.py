"""The running service: HTTP, engines, files, pages; the roof over adql, vosi and datalink."""
