"""The page of `sessrec serve`: sessions to find, search, watch and judge in a browser.

`app` puts it together; `site` is what every request has at hand; `access` says who may see what; `pages` answer with
HTML, `data` with what pages fetch.
"""
