//! Workloads on one Docker Engine.
