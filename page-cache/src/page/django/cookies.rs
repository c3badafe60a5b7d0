//! The cookies of a stored page: none may be there, and what is there must make sense.

use super::{Pickle, not_read, wrong};
use crate::page::Rejection;
use crate::page::pickle::{Class, Items, Tree, Value};

/// Whether the page sets any cookie.
pub(super) fn any(tree: &Tree, pickle: &Pickle<'_>, cookies: Value) -> Result<bool, Rejection> {
    let Some((Class::Cookies, jar)) = tree.object(cookies) else {
        return not_read(tree, pickle, cookies, "cookies are no SimpleCookie");
    };
    let mut pairs = tree.items(jar);
    let mut found = false;
    while let Some((name, morsel)) = pairs.pair() {
        found = true;
        check(pickle, name)?;
        let Some((Class::Morsel, id)) = tree.object(morsel) else {
            return not_read(tree, pickle, morsel, "cookie is no Morsel");
        };
        check_all(pickle, tree.items(id))?;
        if let Some(state) = tree.state(id) {
            check_all(pickle, state)?;
        }
    }
    Ok(found)
}

fn check_all(pickle: &Pickle<'_>, mut items: Items<'_>) -> Result<(), Rejection> {
    items.try_for_each(|item| check(pickle, item))
}

fn check(pickle: &Pickle<'_>, item: Value) -> Result<(), Rejection> {
    if let Value::Str(span) = item {
        if pickle.get(span).iter().any(u8::is_ascii_control) {
            return wrong(span.range().start, "cookie has a control character");
        }
    }
    Ok(())
}
