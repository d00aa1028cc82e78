"""The app's pages, one a file. Each has `page(settings)`, which app.py puts into the menu."""
