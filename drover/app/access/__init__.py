"""Who may do what: signing in, admission to applications, accounts, tokens and keys."""
