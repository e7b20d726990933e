//! Pushes chunks to Klaviyo lists.
