"""QuickBooks Online: the only room that says realm, minorversion, SyncToken, Fault."""
