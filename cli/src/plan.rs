//! Whether a request is looked up, and under which keys: the module's `prepare()`, with a
//! request of the command line's.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use page_cache::directive::{Format, Spec};
use page_cache::key::django::KeyParts;
use page_cache::key::field::{BadFieldName, FieldName};
use page_cache::key::{self, NoKey, Recipe};
use page_cache::lookup::conversation::{Plan, Reading};
use page_cache::policy::{self, BadPattern, IgnorePatterns};
use page_cache::{Bypass, Failure, Outcome};

use crate::args::Explain;
use crate::report::RecipePart;
use crate::request::{Request, SetHeaders};
use crate::text::show;
use crate::variables::{self, VariableError};

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum NoPlan {
    /// The request is not looked up, and what there is to add to the word.
    #[error("{}", .0.reason())]
    Decided(Outcome, Option<String>),
    /// A parameter has no value here.
    #[error("{0}: {1}")]
    Variable(&'static str, VariableError),
    /// `--ignore`
    #[error("--ignore: {0}")]
    Pattern(BadPattern),
}

impl<W: Into<Outcome>> From<W> for NoPlan {
    fn from(why: W) -> Self {
        Self::Decided(why.into(), None)
    }
}

/// Where the page of the request may lie. What was evaluated goes to `part`.
///
/// # Errors
/// [`NoPlan`]
pub fn plan(
    spec: &Spec,
    options: &Explain,
    request: &Request,
    part: &mut RecipePart,
) -> Result<Plan, NoPlan> {
    let patterns: Vec<&str> = options.ignore.iter().map(String::as_str).collect();
    let patterns = IgnorePatterns::compile(&patterns).map_err(NoPlan::Pattern)?;
    let view = request.view();
    policy::admit(&view)?;
    bypass(&options.bypass, request)?;
    if patterns.matches(&key::full_path(request.target())?) {
        return Err(Bypass::Ignore.into());
    }
    policy::admit_target(&view)?;
    let values = Values::evaluate(spec, request)?;
    values.tell(spec.recipe, part);
    let reading = Reading {
        format: spec.format,
        max_size: options.max_size,
        gzip_flag: options.gzip_flag,
        public_only: options.public_only,
    };
    let Values { namespace, prefix, uri, lang, timezone } = &values;
    let protocol = spec.store.protocol;
    let parts = KeyParts { namespace, prefix, uri, lang, timezone };
    Plan::new(spec.recipe, protocol, &parts, view.method, spec.django, reading).map_err(no_key)
}

/// The parameters that a key is made of.
struct Values {
    namespace: Vec<u8>,
    prefix: Vec<u8>,
    uri: Vec<u8>,
    lang: Vec<u8>,
    timezone: Vec<u8>,
}

impl Values {
    fn evaluate(spec: &Spec, request: &Request) -> Result<Self, NoPlan> {
        let value = |name, text: &[u8]| {
            variables::evaluate(text, request).map_err(|why| NoPlan::Variable(name, why))
        };
        let uri = match &spec.uri {
            Some(text) => value("uri", text)?,
            None => {
                let host = request.view().host.unwrap_or_default();
                let scheme = request.scheme.as_bytes();
                spec.recipe.usual_uri(scheme, host, request.target())?.into_owned()
            }
        };
        Ok(Self {
            namespace: value("namespace", spec.namespace())?,
            prefix: value("prefix", spec.prefix.as_deref().unwrap_or_default())?,
            uri,
            lang: value("lang", spec.lang())?,
            timezone: value("timezone", spec.timezone())?,
        })
    }

    fn tell(&self, recipe: Recipe, part: &mut RecipePart) {
        let is_django = recipe == Recipe::Django;
        part.namespace = Some(show(&self.namespace));
        part.prefix = (recipe != Recipe::Raw).then(|| show(&self.prefix));
        part.uri = Some(show(&self.uri));
        part.lang = is_django.then(|| show(&self.lang));
        part.timezone = is_django.then(|| show(&self.timezone));
    }
}

/// `rust_page_cache_set_header`, each `FIELD: VALUE`: what the application gets.
///
/// # Errors
/// [`BadSetHeader`]
pub fn set_headers(fields: &[OsString], request: &Request) -> Result<SetHeaders, BadSetHeader> {
    let mut known = SetHeaders::new();
    for text in fields.iter().map(|field| field.as_bytes()) {
        let shown = || show(text);
        let colon = text.iter().position(|&byte| byte == b':');
        let parts = colon.and_then(|at| Some((text.get(..at)?, text.get(at + 1..)?)));
        let (field, value) = parts.ok_or_else(|| BadSetHeader::Form(shown()))?;
        let name = FieldName::parse(field).map_err(|why| BadSetHeader::Field(shown(), why))?;
        if known.iter().any(|(other, _)| *other == name) {
            return Err(BadSetHeader::Twice(shown()));
        }
        let value = value.trim_ascii();
        let value = match name.is_clients(value) {
            true => None,
            false => Some(variables::evaluate(value, request)?),
        };
        known.push((name, value));
    }
    Ok(known)
}

/// What is wrong with `--set-header`.
#[derive(Debug, thiserror::Error)]
pub enum BadSetHeader {
    /// Not `FIELD: VALUE`.
    #[error("invalid --set-header \"{0}\", it must be \"Field: value\"")]
    Form(String),
    /// No field.
    #[error("invalid field in --set-header \"{0}\", {1}")]
    Field(String, BadFieldName),
    /// A field twice.
    #[error("duplicate field in --set-header \"{0}\", it may stand once in a block of nginx.conf")]
    Twice(String),
    /// The value has none here.
    #[error("--set-header: {0}")]
    Variable(#[from] VariableError),
}

/// `rust_page_cache_bypass` (`ngx_http_test_predicates()`).
fn bypass(strings: &[OsString], request: &Request) -> Result<(), NoPlan> {
    for string in strings {
        let value = variables::evaluate(string.as_bytes(), request)
            .map_err(|why| NoPlan::Variable("--bypass", why))?;
        if !value.is_empty() && value != b"0" {
            let which = format!("it is {}", show(string.as_bytes()));
            return Err(NoPlan::Decided(Bypass::Bypass.into(), Some(which)));
        }
    }
    Ok(())
}

fn no_key(why: NoKey) -> NoPlan {
    match why {
        NoKey::Memory => Failure::Memory.into(),
        why => NoPlan::Decided(why.into(), Some(why.to_string())),
    }
}

/// The word of `format=`.
pub const fn format_word(format: Format) -> &'static str {
    match format {
        Format::Body => "body",
        Format::Django => "django",
    }
}
