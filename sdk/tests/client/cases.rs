//! Single cases, each a promise of its own.
