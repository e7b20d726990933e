//! Pushes chunks to Snapchat audiences.
