//! What an operator should be told of look-ups that find no page, in words for nginx's log.

use std::fmt;
use std::rc::Rc;

use crate::key::field::Shown;
use crate::page::django::HeaderList;

/// Something that a line in the configuration mends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Hint {
    /// The page varies, and nothing says which release of Django made its key.
    NoForm(OneOf),
    /// The page varies on a header that is not the client's own, and nothing says what the
    /// application sees of it.
    NotOwn(OneOf),
    /// The value that is said to be a header's cannot be what the application sees.
    Unclear(OneOf),
    /// Header lists are found and pages never are.
    OutOfDate,
}

/// One of the headers that a page varies on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OneOf {
    pub(super) list: Rc<HeaderList>,
    /// Which of the names, from 0.
    pub(super) at: usize,
}

impl OneOf {
    /// The header's name in WSGI: `HTTP_X_COUNTRY`.
    pub fn name(&self) -> &[u8] {
        self.list.iter().nth(self.at).unwrap_or_default()
    }

    /// `$http_x_country`, nginx's variable.
    fn variable(&self) -> String {
        let name = self.name().escape_ascii().to_string();
        format!("${}", name.to_ascii_lowercase())
    }
}

impl fmt::Display for OneOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Shown(self.name()).fmt(f)
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoForm(header) => write!(
                f,
                "the page varies on {header}, and is not served because \"django=\" does not say \
                 how its key is made: write the release of Django that the site runs, such as \
                 django=5.2.19"
            ),
            Self::NotOwn(header) => write!(
                f,
                "the page varies on {header}, and is not served because nginx may send another one \
                 to the application than the client sent: write \"rust_page_cache_set_header \
                 {header} VALUE;\" with the value that proxy_set_header or uwsgi_param gives it \
                 ({} only if that is passed on, and any client may say what it likes)",
                header.variable()
            ),
            Self::Unclear(header) => write!(
                f,
                "the page varies on {header}, and is not served because the value of \
                 \"rust_page_cache_set_header {header}\" is one that servers read in different \
                 ways: it begins or ends with a blank, has control characters, or is that of \
                 Content-Type or Content-Length"
            ),
            Self::OutOfDate => f.write_str(
                "a hundred look-ups in a row have found what a page varies on, and none of them \
                 the page: \"django=\" may be out of date, and then pages can also go to visitors for \
                 whom they were not made (\"rust-page-cache explain\" says which release has made \
                 a page's key), or \"rust_page_cache_set_header\" not what nginx \
                 sends to the application",
            ),
        }
    }
}
