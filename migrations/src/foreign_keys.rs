//! Foreign keys to the platform's own tables, `tenants` and `accounts`.
