//! Where the page of a request may lie, and how its value is read.

use std::rc::Rc;

use crate::directive::Format;
use crate::key::django::{DjangoKeys, KeyParts};
use crate::key::vary::VaryForm;
use crate::key::{CacheKey, NoKey, Recipe};
use crate::outcome::Miss;
use crate::page::body::{self, BodyOptions};
use crate::page::cache_control;
use crate::page::django::{self, DjangoOptions};
use crate::page::{GzipFlag, Page, Rejection};
use crate::pipeline::Value;
use crate::request::Method;
use crate::wire::Protocol;

/// How the value of a page is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reading {
    /// `format=`
    pub format: Format,
    /// The largest value, inflated, and the largest body, in bytes
    /// (`rust_page_cache_max_size`).
    pub max_size: usize,
    /// Which values are gzip (`rust_page_cache_gzip_flag`).
    pub gzip_flag: GzipFlag,
    /// Only pages that say that they are for everybody (`rust_page_cache_public_only`).
    pub public_only: bool,
}

impl Reading {
    pub(super) fn django(self) -> DjangoOptions {
        DjangoOptions { max_size: self.max_size, gzip_flag: self.gzip_flag }
    }

    pub(super) fn page(self, value: &Rc<Value>) -> Result<Page, Rejection> {
        let page = match self.format {
            Format::Django => django::decode(value, &self.django())?,
            Format::Body => {
                let options = BodyOptions { max_size: self.max_size, gzip_flag: self.gzip_flag };
                body::decode(value, &options)?
            }
        };
        if self.public_only && !cache_control::is_public(&page) {
            return Err(Miss::Private.into());
        }
        Ok(page)
    }
}

/// Where the page of a request may lie.
#[derive(Debug)]
pub enum Plan {
    /// Under one key.
    Key {
        /// The key.
        key: CacheKey,
        /// How its value is read.
        reading: Reading,
    },
    /// Where Django's cache middleware puts it.
    Django(DjangoPlan),
}

/// A look-up of Django's two keys.
#[derive(Debug)]
pub struct DjangoPlan {
    /// The keys of the URI.
    pub keys: DjangoKeys,
    /// The request is HEAD: a page stored for HEAD will do where there is none for GET.
    pub head: bool,
    /// The form of the Vary digest (`django=`); if it is not known, only pages that vary on
    /// nothing have a key.
    pub form: Option<VaryForm>,
    /// How the value of the page is read.
    pub reading: Reading,
}

impl Plan {
    /// Where a recipe puts the page of a request for GET or HEAD.
    ///
    /// # Errors
    /// [`NoKey::Illegal`] if the store cannot take the key, [`NoKey::Memory`].
    pub fn new(
        recipe: Recipe,
        protocol: Protocol,
        parts: &KeyParts<'_>,
        method: Method,
        form: Option<VaryForm>,
        reading: Reading,
    ) -> Result<Self, NoKey> {
        if recipe != Recipe::Django {
            let key = recipe.key(protocol, parts.namespace, parts.prefix, parts.uri)?;
            return Ok(Self::Key { key, reading });
        }
        let keys = DjangoKeys::new(protocol, parts)?;
        Ok(Self::Django(DjangoPlan { keys, head: method == Method::Head, form, reading }))
    }
}
