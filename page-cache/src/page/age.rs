//! How old a stored page is: `FetchFromCacheMiddleware` of Django 5.1 and later.

use std::time::UNIX_EPOCH;

use super::Page;

/// The value of Age (RFC 9111, section 5.1) in seconds: max(0, max-age - (Expires - now)),
/// where both are stored and well-formed. `now` is in seconds since 1970.
///
/// It replaces an Age that was stored.
pub fn age(page: &Page, now: i64) -> Option<u64> {
    let field = |name: &str| {
        let header =
            page.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name.as_bytes()));
        header.and_then(|header| std::str::from_utf8(&header.value).ok())
    };
    let max_age = max_age(field("cache-control")?)?;
    let remaining = timestamp(field("expires")?)?.saturating_sub(now);
    u64::try_from(max_age.saturating_sub(remaining)).or(Ok::<u64, ()>(0)).ok()
}

/// max-age as Django's `get_max_age()` finds it: the last one counts.
fn max_age(cache_control: &str) -> Option<i64> {
    let mut found = None;
    for directive in cache_control.split(',') {
        if let Some((name, seconds)) = directive.trim().split_once('=') {
            if name.eq_ignore_ascii_case("max-age") {
                found = Some(seconds);
            }
        }
    }
    found?.trim().parse().ok()
}

/// An HTTP-date (RFC 9110, section 5.6.7) in seconds since 1970.
fn timestamp(date: &str) -> Option<i64> {
    let date = httpdate::parse_http_date(date).ok()?;
    i64::try_from(date.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}
