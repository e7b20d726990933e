//! Pushes chunks to Mailchimp audiences.
