//! The parameters of `rust_page_cache`, read alike by the module and by the command-line
//! tool.
//!
//! ```text
//! rust_page_cache off;
//! rust_page_cache STORE [key=django|md5|prefix|raw] [prefix=STRING] [uri=STRING]
//!                 [namespace=STRING] [format=django|body] [django=VERSION|FORM]
//!                 [lang=STRING] [timezone=STRING] [fallback=@NAME|next];
//! ```

mod error;
mod store;

use crate::key::Recipe;
use crate::key::vary::VaryForm;

pub use error::DirectiveError;
pub use store::{Address, SOCKET_PATH_MAX, Store};

/// What a `rust_page_cache` directive says.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "one for each directive, read once")]
pub enum Directive {
    /// Nothing is looked up.
    Off,
    /// Pages are looked up.
    On(Spec),
}

/// Where and how pages are looked up. Strings may hold nginx variables, as they were
/// written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Spec {
    /// The store.
    pub store: Store,
    /// `key=`
    pub recipe: Recipe,
    /// `format=`, or what goes with the recipe.
    pub format: Format,
    /// `prefix=`
    pub prefix: Option<Vec<u8>>,
    /// `uri=`
    pub uri: Option<Vec<u8>>,
    /// `namespace=`
    pub namespace: Option<Vec<u8>>,
    /// `lang=`
    pub lang: Option<Vec<u8>>,
    /// `timezone=`
    pub timezone: Option<Vec<u8>>,
    /// `django=`: the form of the Vary digest, given by its name or by a release.
    pub django: Option<VaryForm>,
    /// `fallback=`
    pub fallback: Option<Fallback>,
}

impl Spec {
    /// `namespace=`, or its default: Django's `KEY_PREFIX:VERSION:` for `key=django`.
    pub fn namespace(&self) -> &[u8] {
        self.or(&self.namespace, b":1:")
    }

    /// `lang=`, or its default: Django's LANGUAGE_CODE for `key=django`.
    pub fn lang(&self) -> &[u8] {
        self.or(&self.lang, b"en-us")
    }

    /// `timezone=`, or its default: the TIME_ZONE that `startproject` writes for `key=django`.
    pub fn timezone(&self) -> &[u8] {
        self.or(&self.timezone, b"UTC")
    }

    /// What is given, else the default of `key=django`; nothing with the other recipes.
    fn or<'a>(&self, given: &'a Option<Vec<u8>>, default: &'a [u8]) -> &'a [u8] {
        match given {
            Some(text) => text,
            None if self.recipe == Recipe::Django => default,
            None => &[],
        }
    }
}

/// How a stored value is read (`format=`).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Format {
    /// The value is the body.
    Body,
    /// The value is a pickled `HttpResponse`.
    Django,
}

/// A release of Django.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DjangoVersion {
    /// 5 in 5.2.19
    pub major: u16,
    /// 2 in 5.2.19
    pub minor: u16,
    /// 19 in 5.2.19
    pub patch: u16,
}

/// Where a request goes when the cache does not answer (`fallback=`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fallback {
    /// On, as if the directive were not there.
    Next,
    /// To a named location: its name without `@`.
    Named(Vec<u8>),
}

/// The parameters, in the order of the syntax.
const PARAMETERS: [(&str, Parameter); 9] = [
    ("key", Parameter::Key),
    ("prefix", Parameter::Prefix),
    ("uri", Parameter::Uri),
    ("namespace", Parameter::Namespace),
    ("format", Parameter::Format),
    ("django", Parameter::Django),
    ("lang", Parameter::Lang),
    ("timezone", Parameter::Timezone),
    ("fallback", Parameter::Fallback),
];

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Parameter {
    Key,
    Prefix,
    Uri,
    Namespace,
    Format,
    Django,
    Lang,
    Timezone,
    Fallback,
}

/// The values given, by parameter.
#[derive(Default)]
struct Given<'a>([Option<&'a [u8]>; PARAMETERS.len()]);

impl<'a> Given<'a> {
    /// Files a `NAME=VALUE` under its name.
    fn add(&mut self, word: &'a [u8]) -> Result<(), DirectiveError> {
        let equals = word.iter().position(|&byte| byte == b'=');
        let (name, value) = match equals.and_then(|at| word.split_at_checked(at)) {
            Some((name, value)) => (name, value.get(1..).unwrap_or_default()),
            None => return Err(DirectiveError::unknown_parameter(word)),
        };
        let known = PARAMETERS.iter().find(|(known, _)| known.as_bytes() == name);
        let Some(&(name, parameter)) = known else {
            return Err(DirectiveError::unknown_parameter(word));
        };
        if let Some(quote @ (b'"' | b'\'')) = value.first().copied() {
            return Err(DirectiveError::quoted_value(name, value, quote));
        }
        match self.0.get_mut(parameter as usize) {
            Some(slot @ None) => *slot = Some(value),
            _ => return Err(DirectiveError::RepeatedParameter { name }),
        }
        Ok(())
    }

    fn get(&self, parameter: Parameter) -> Option<&'a [u8]> {
        self.0.get(parameter as usize).copied().flatten()
    }

    fn bytes(&self, parameter: Parameter) -> Option<Vec<u8>> {
        self.get(parameter).map(<[u8]>::to_vec)
    }
}

/// Reads the words after the directive's name.
///
/// # Errors
/// Each names the offending word and what is allowed; none shows a user or a password.
pub fn parse(words: &[&[u8]]) -> Result<Directive, DirectiveError> {
    let Some((&first, rest)) = words.split_first() else { return Err(DirectiveError::NoStore) };
    if first == b"off" {
        return match rest.first() {
            None => Ok(Directive::Off),
            Some(word) => Err(DirectiveError::off_with(word)),
        };
    }
    let store = Store::parse(first)?;
    let mut given = Given::default();
    for word in rest {
        given.add(word)?;
    }
    spec(store, &given).map(Directive::On)
}

fn spec(store: Store, given: &Given<'_>) -> Result<Spec, DirectiveError> {
    let recipe = given.get(Parameter::Key).map(recipe).transpose()?.unwrap_or_default();
    let format = given.get(Parameter::Format).map(format).transpose()?;
    if recipe != Recipe::Django {
        for (name, parameter) in [
            ("django", Parameter::Django),
            ("lang", Parameter::Lang),
            ("timezone", Parameter::Timezone),
        ] {
            if given.get(parameter).is_some() {
                return Err(DirectiveError::OnlyWithDjango { name, key: recipe.as_str() });
            }
        }
    }
    let usual_format = if recipe == Recipe::Django { Format::Django } else { Format::Body };
    Ok(Spec {
        store,
        recipe,
        format: format.unwrap_or(usual_format),
        prefix: given.bytes(Parameter::Prefix),
        uri: given.bytes(Parameter::Uri),
        namespace: given.bytes(Parameter::Namespace),
        lang: given.bytes(Parameter::Lang),
        timezone: given.bytes(Parameter::Timezone),
        django: given.get(Parameter::Django).map(django).transpose()?,
        fallback: given.get(Parameter::Fallback).map(fallback).transpose()?,
    })
}

fn recipe(value: &[u8]) -> Result<Recipe, DirectiveError> {
    match value {
        b"django" => Ok(Recipe::Django),
        b"md5" => Ok(Recipe::Md5),
        b"prefix" => Ok(Recipe::Prefix),
        b"raw" => Ok(Recipe::Raw),
        _ => Err(DirectiveError::invalid("key", value, "one of: django, md5, prefix, raw")),
    }
}

fn format(value: &[u8]) -> Result<Format, DirectiveError> {
    match value {
        b"django" => Ok(Format::Django),
        b"body" => Ok(Format::Body),
        _ => Err(DirectiveError::invalid("format", value, "one of: django, body")),
    }
}

/// The name of a form, or a release of one to three numbers. A number that is left out must
/// not matter.
fn django(value: &[u8]) -> Result<VaryForm, DirectiveError> {
    let bad = |allowed| DirectiveError::invalid("django", value, allowed);
    if value == b"auto" {
        return Err(bad(
            "the release of Django that the site runs, such as 5.2.19: what visitors \
                        could forge is not found out any more",
        ));
    }
    if let Some(form) = VaryForm::ALL.into_iter().find(|form| form.as_str().as_bytes() == value) {
        return Ok(form);
    }
    let bad_release =
        || bad("a release such as 5.2.19, or one of: raw, raw-absent, netstring, netstring-absent");
    let mut numbers = value.split(|&byte| byte == b'.');
    let major = numbers.next().and_then(number).ok_or_else(bad_release)?;
    let mut next = || match numbers.next() {
        Some(digits) => number(digits).map(Some).ok_or_else(bad_release),
        None => Ok(None),
    };
    let (minor, patch, more): (Option<u16>, Option<u16>, _) = (next()?, next()?, numbers.next());
    if more.is_some() {
        return Err(bad_release());
    }
    let release = |rest: u16| {
        let (minor, patch) = (minor.unwrap_or(rest), patch.unwrap_or(rest));
        VaryForm::for_version(DjangoVersion { major, minor, patch })
    };
    let form = release(0);
    if release(u16::MAX) == form {
        return Ok(form);
    }
    Err(bad("the whole release with its patch level, such as 5.2.19: some of its patches have \
             changed the keys"))
}

/// A number in digits only: no sign, no blanks.
fn number<N: std::str::FromStr>(digits: &[u8]) -> Option<N> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn fallback(value: &[u8]) -> Result<Fallback, DirectiveError> {
    match value {
        b"next" => Ok(Fallback::Next),
        [b'@', name @ ..] if !name.is_empty() => Ok(Fallback::Named(name.to_vec())),
        _ => Err(DirectiveError::invalid("fallback", value, "\"next\" or a name such as @django")),
    }
}

#[cfg(test)]
mod tests;
