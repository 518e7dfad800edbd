//! Scripted code hosts.
