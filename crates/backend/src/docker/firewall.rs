//! Keeps tenants off the host's own services.
