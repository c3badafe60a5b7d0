//! What comes of a request: the look-up, put into a report.

use std::os::unix::ffi::OsStrExt;
use std::time::{SystemTime, UNIX_EPOCH};

use page_cache::directive::{self, Directive, DirectiveError, Fallback, Format, Spec};
use page_cache::key::CacheKey;
use page_cache::key::django::PageMethod;
use page_cache::key::vary::{RequestHeaders, VaryForm};
use page_cache::lookup::Hint;
use page_cache::page::django::HeaderList;
use page_cache::page::hidden::{BadField, HiddenFields};
use page_cache::page::{self, Page, age};
use page_cache::{Miss, Outcome};

use crate::args::Explain;
use crate::inquiry::{Asked, End, Inquiry};
use crate::meaning::{advice, meaning, releases};
use crate::plan::{self, BadSetHeader, NoPlan, format_word};
use crate::report::{
    AnswerPart, Found, Holds, KeyPart, PagePart, RecipePart, Report, RequestPart, StorePart,
    VariesOn,
};
use crate::request::{Request, RequestError};
use crate::store::TimeToLive;
use crate::text::{duration, show};
use crate::tokens::{self, TokenError};

/// Why nothing can be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The parameters are no words.
    #[error("{0}")]
    Tokens(#[from] TokenError),
    /// The parameters are wrong.
    #[error("{0}")]
    Directive(#[from] DirectiveError),
    /// `off`
    #[error("rust_page_cache off: nothing is looked up")]
    Off,
    /// URL, method or headers are wrong.
    #[error("{0}")]
    Request(#[from] RequestError),
    /// `--set-header`
    #[error("{0}")]
    SetHeader(#[from] BadSetHeader),
    /// `--hide-header`
    #[error("--hide-header {0}: {1}")]
    HideHeader(String, BadField),
    /// A body has no header to be marked in; `nginx -t` says so too.
    #[error(
        "--public-only needs format=django: a stored body has no Cache-Control to say \"public\""
    )]
    PublicBody,
    /// Variables or patterns.
    #[error("{0}")]
    Plan(NoPlan),
}

/// Explains what the module does with a request.
///
/// # Errors
/// [`ExplainError`] where the arguments are wrong; a store that fails is an outcome.
pub fn explain(options: &Explain) -> Result<Report, ExplainError> {
    let words = tokens::words(options.directive.as_bytes())?;
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    let spec = match directive::parse(&words)? {
        Directive::On(spec) => spec,
        Directive::Off => return Err(ExplainError::Off),
    };
    if options.public_only && spec.format == Format::Body {
        return Err(ExplainError::PublicBody);
    }
    let mut hidden = HiddenFields::default();
    for name in options.hide_header.iter().map(|name| name.as_bytes()) {
        hidden.push(name).map_err(|why| ExplainError::HideHeader(show(name), why))?;
    }
    let fields: Vec<&[u8]> = options.headers.iter().map(|field| field.as_bytes()).collect();
    let server_name = options.server_name.as_ref().map(|name| name.as_bytes());
    let (method, url) = (options.method.as_bytes(), options.url.as_bytes());
    let mut request = Request::new(method, url, &fields, server_name)?;
    request.set = plan::set_headers(&options.set_headers, &request)?;
    let mut report = blank(&spec, &request);
    match plan::plan(&spec, options, &request, &mut report.recipe) {
        Ok(plan) => {
            let mut inquiry = Inquiry::new(&spec, options, &request, &plan);
            let end = inquiry.run(plan);
            let request = &request;
            Explanation { spec: &spec, options, hidden, request, inquiry }.tell(end, &mut report);
        }
        Err(NoPlan::Decided(outcome, more)) => {
            report.decide(outcome, with(meaning(outcome), more));
        }
        Err(error) => return Err(ExplainError::Plan(error)),
    }
    Ok(report)
}

/// The report before anything is decided.
fn blank(spec: &Spec, request: &Request) -> Report {
    let full_path = page_cache::key::full_path(request.target());
    let to = match &spec.fallback {
        Some(Fallback::Next) => "on, as if the directive were not there (fallback=next)".to_owned(),
        Some(Fallback::Named(name)) => format!("@{}", show(name)),
        None => "the location's own handler, else @django".to_owned(),
    };
    Report {
        status: "",
        reason: "",
        explanation: String::new(),
        request: RequestPart {
            method: show(&request.method),
            scheme: request.scheme,
            host: show(request.values("host").next().unwrap_or_default()),
            target: show(&request.target),
            full_path: full_path.ok().map(|path| show(&path)),
        },
        store: StorePart {
            store: show(spec.store.to_string().as_bytes()),
            address: None,
            time_ms: None,
        },
        recipe: RecipePart {
            key: spec.recipe.as_str(),
            format: format_word(spec.format),
            ..RecipePart::default()
        },
        keys: Vec::new(),
        varies_on: None,
        page: None,
        answer: AnswerPart::Fallback { to },
        notes: request.notes.clone(),
    }
}

/// A look-up that has ended.
struct Explanation<'a> {
    spec: &'a Spec,
    options: &'a Explain,
    hidden: HiddenFields,
    request: &'a Request,
    inquiry: Inquiry<'a>,
}

impl Explanation<'_> {
    fn tell(mut self, end: End, report: &mut Report) {
        match end {
            End::Page(page, at) => self.hit(&page, at, report),
            End::Refused(refusal, more, hint) => {
                let outcome = refusal.into();
                let may_lie_elsewhere = matches!(outcome, Outcome::Miss(Miss::Absent))
                    || matches!(hint, Some(Hint::NoForm(_)));
                let explanation = match (more, hint, outcome) {
                    (Some(more), _, _) => with(meaning(outcome), Some(more)),
                    (None, Some(hint), _) => hint.to_string(),
                    (None, None, Outcome::Miss(Miss::Absent)) => self.what_is_absent().to_owned(),
                    _ => meaning(outcome).to_owned(),
                };
                report.decide(outcome, explanation);
                if may_lie_elsewhere {
                    let found = self.inquiry.look_in_other_forms();
                    report.notes.extend(found.iter().map(|forms| advice(forms)));
                }
            }
            End::Failed(trouble) => {
                let outcome = trouble.why.into();
                report.decide(outcome, with(meaning(outcome), Some(trouble.what)));
            }
        }
        report.store.address = self.inquiry.address().map(|address| show(address.as_bytes()));
        report.store.time_ms = self.inquiry.time_ms;
        report.varies_on = self.inquiry.list.as_ref().map(|list| varies_on(list, self.request));
        let asked = std::mem::take(&mut self.inquiry.asked);
        report.keys = asked.iter().enumerate().map(|(i, asked)| self.key_part(i, asked)).collect();
    }

    fn hit(&self, page: &Page, at: Option<usize>, report: &mut Report) {
        report.decide(Outcome::Hit, meaning(Outcome::Hit).to_owned());
        let key =
            at.and_then(|at| self.inquiry.asked.get(at)).map(|asked| show(asked.key.as_bytes()));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let age = age::age(page, i64::try_from(now).unwrap_or(i64::MAX));
        let headers: Vec<(String, String)> =
            page.headers.iter().map(|field| (show(&field.name), show(&field.value))).collect();
        report.answer = self.answer(page, age, &headers);
        report.page = Some(PagePart {
            key: key.unwrap_or_default(),
            format: format_word(self.spec.format),
            status: page.status,
            phrase: page.reason.as_ref().map(|phrase| show(phrase)),
            headers,
            body_bytes: page.body.len(),
            gzip: page.gzip,
            age,
        });
        let conditions = self.request.fields().iter().filter(|field| {
            let name = field.name.to_ascii_lowercase();
            name.starts_with(b"if-") || name == b"range"
        });
        for field in conditions {
            report.notes.push(format!(
                "nginx applies {} of the request itself: the answer may become 304, 412, 206 or 416",
                show(&field.name)
            ));
        }
    }

    /// The header of a hit, before nginx's filters.
    fn answer(&self, page: &Page, age: Option<u64>, stored: &[(String, String)]) -> AnswerPart {
        let is_hidden = |name: &str| self.hidden.contains(name.as_bytes());
        let stored: Vec<_> = stored.iter().filter(|(name, _)| !is_hidden(name)).collect();
        let has = |name: &str| stored.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        let mut headers = vec![];
        // RFC 9110, section 8.6
        let has_content = !matches!(page.status, 204 | 304);
        if has_content {
            headers.push(("Content-Length".to_owned(), page.body.len().to_string()));
        }
        // A response of Django without the field goes out without it.
        if self.spec.format == Format::Body {
            let by = "as types and default_type of nginx.conf say".to_owned();
            headers.push(("Content-Type".to_owned(), by));
        }
        // nginx makes its own of these.
        let own =
            |name: &str| ["accept-ranges", "age"].iter().any(|own| own.eq_ignore_ascii_case(name));
        headers.extend(stored.iter().filter(|(name, _)| !own(name)).map(|&field| field.clone()));
        if page.gzip {
            headers.push(("Content-Encoding".to_owned(), "gzip".to_owned()));
        }
        if let Some(age) = age.filter(|_| !is_hidden("age")) {
            headers.push(("Age".to_owned(), age.to_string()));
        }
        if !self.options.no_etag && page.status == 200 && !has("etag") {
            headers.push(("ETag".to_owned(), show(&page::etag(&page.body))));
        }
        let is_head = self.request.method == b"HEAD";
        let body_bytes = if is_head { 0 } else { page.body.len() };
        AnswerPart::Nginx { status: page.status, headers, body_bytes }
    }

    fn what_is_absent(&self) -> &'static str {
        let has_value =
            self.inquiry.asked.iter().any(|asked| matches!(asked.reply, Some(Ok(Some(_)))));
        match (&self.inquiry.django, &self.inquiry.list) {
            (None, _) if has_value => "the value is empty",
            (None, _) => "the store has no such key",
            (Some(_), None) => {
                "there is no header list: Django's middleware has stored nothing for this URI, \
                 prefix, language and time zone"
            }
            (Some(_), Some(list)) if list.is_empty() => {
                "there is a header list, but no page: it has expired or was deleted"
            }
            (Some(_), Some(_)) => {
                "there is a header list, but no page for what this request has in those headers"
            }
        }
    }

    fn found(&mut self, asked: &Asked) -> Found {
        let value = match &asked.reply {
            None => return Found::NotAsked,
            Some(Err(trouble)) => return Found::Failed { why: show(trouble.what.as_bytes()) },
            Some(Ok(None)) => return Found::Absent,
            Some(Ok(Some(value))) => value,
        };
        let (expires_in, time_to_live) = match self.inquiry.time_to_live(&asked.key) {
            TimeToLive::Seconds(seconds) => {
                (Some(seconds), format!("expires in {}", duration(seconds)))
            }
            TimeToLive::Unlimited => (None, "never expires".to_owned()),
            TimeToLive::Unknown(why) => {
                (None, format!("time to live unknown: {}", show(why.as_bytes())))
            }
        };
        Found::Present { bytes: value.bytes.len(), flags: value.flags, expires_in, time_to_live }
    }

    fn key_part(&mut self, i: usize, asked: &Asked) -> KeyPart {
        let mut part = KeyPart {
            key: show(asked.key.as_bytes()),
            holds: Holds::Page,
            method: None,
            django: None,
            found: self.found(asked),
        };
        if self.inquiry.django.is_some() && i == 0 {
            part.holds = Holds::HeaderList;
        } else if let Some((method, forms)) = self.page_of(&asked.key) {
            part.method = Some(method);
            part.django = releases(&forms);
        }
        part
    }

    /// Which of Django's pages a key is for.
    fn page_of(&self, key: &CacheKey) -> Option<(&'static str, Vec<VaryForm>)> {
        let methods = [(PageMethod::Get, "GET"), (PageMethod::Head, "HEAD")];
        methods.into_iter().find_map(|(method, word)| {
            let forms = self.inquiry.forms_of(key, method);
            (!forms.is_empty()).then_some((word, forms))
        })
    }
}

fn varies_on(list: &HeaderList, request: &Request) -> Vec<VariesOn> {
    let wsgi = |name: &[u8]| {
        name.to_ascii_uppercase()
            .iter()
            .map(|&byte| if byte == b'-' { b'_' } else { byte })
            .collect::<Vec<u8>>()
    };
    let mut parts = Vec::new();
    for name in list.iter() {
        let bare = name.strip_prefix(b"HTTP_").unwrap_or(name);
        let mut in_request = false;
        request.for_each(&mut |field, _| in_request |= wsgi(field) == bare);
        let title = match bare {
            b"" => "an empty name".to_owned(),
            bare => show(bare).to_ascii_lowercase().replace('_', "-"),
        };
        let set = matches!(request.set(name), Ok(Some(_)));
        parts.push(VariesOn { header: title, in_request, set });
    }
    parts
}

fn with(sentence: &str, more: Option<String>) -> String {
    match more {
        Some(more) => format!("{sentence}: {}", show(more.as_bytes())),
        None => sentence.to_owned(),
    }
}
