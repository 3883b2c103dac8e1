"""The auditor's page, measured in Chromium and by programs that fetch what it fetches."""
