//! Many requests to AWS at once: each takes a few hundredths of a second, and a stack may have hundreds of exports.

use futures::{StreamExt, stream};

/// Requests that are under way at once.
const AT_ONCE: usize = 32;

/// What each of them comes to, in their order.
pub(crate) async fn at_once<T>(each: impl IntoIterator<Item: Future<Output = T>>) -> Vec<T> {
    stream::iter(each).buffered(AT_ONCE).collect().await
}
