//! The loop that all destinations share: lanes, pacing, retries, receipts.
