/// What the package knows about models.
