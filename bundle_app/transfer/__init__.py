"""Bundles and rules as files: what a merchandiser exports, changes in a spreadsheet and imports again.

Optional: it needs the extra `[transfer]` and "import_export" in INSTALLED_APPS; nothing else imports it then but
`queue`, which needs neither. `reading` makes rows of bytes, `bundles`, `rules` and `results` say what the columns mean
(as resources of django-import-export), `runs` checks and applies a file, `screens` are its pages in admin.

What is unusual: a file decides nothing that its owner could not decide by hand. Each row goes through the form of its
bundle or rule, asks for the same permissions, and leaves the same entry in the log of decisions. And where
django-import-export hands a file from upload to confirmation through a temporary folder of one machine, here it is a
row of the database, so that a worker on another one can go on with it.
"""
