//! The phase handler, in the order of a request's life.

use std::borrow::Cow;

use ngx::ffi::*;
use ngx::ngx_log_debug_mask;
use page_cache::key;
use page_cache::key::django::KeyParts;
use page_cache::lookup::conversation::{Plan, Reading};
use page_cache::request::RequestView;
use page_cache::{Bypass, Failure, Outcome, policy};

use crate::bits;
use crate::conf::LocConf;
use crate::evaluate;
use crate::fallback;
use crate::record::{Progress, Record};
use crate::reserve;
use crate::respond;
use crate::site::Site;
use crate::sys::code;
use crate::trail::{Arrival, Trail};
use crate::view;

/// The PRECONTENT handler.
///
/// # Safety
/// Called by nginx with a live request; again whenever a parked request is woken, and in each later
/// location that the request is sent to.
pub unsafe extern "C" fn handle(r: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: `r` is live, and its location's conf is ours.
    unsafe {
        Trail::let_pass(r);
        let known = Record::find(r);
        // What nginx does after a request that has ended is none of the cache's business.
        if bits::post_action(r) {
            if let Some(record) = known {
                (*record).abandon();
                (*record).spend();
            }
            return code::DECLINED;
        }
        match known.map(|record| (record, (*record).progress())) {
            Some((_, Progress::Looking)) => return code::AGAIN,
            Some((record, Progress::Decided)) => return act(r, record),
            Some((_, Progress::Spent)) | None => {}
        }
        let conf = LocConf::of(r);
        let Some(site) = (*conf).site() else { return code::DECLINED };
        let arrival = if (*conf).named { Trail::arrival(r) } else { Arrival::Sent };
        // Or two locations would hand it to each other.
        if arrival == Arrival::Fallback {
            return code::DECLINED;
        }
        let Some(destination) = fallback::route(r, &*conf, site) else { return code::DECLINED };
        let of_an_error = !(*conf).named && ((*r).err_status != 0 || bits::error_page(r));
        if known.is_some() || of_an_error || arrival == Arrival::Refused {
            return fallback::take(r, destination);
        }
        let Some(record) = Record::create(r, conf) else { return fallback::take(r, destination) };
        let plan = if reserve::is_short() {
            Err(Failure::Memory.into())
        } else {
            prepare(r, &*conf, site)
        };
        match plan {
            Ok(plan) => Record::look_up(record, plan),
            Err(outcome) => (*record.as_ptr()).decide(outcome, None),
        }
        let record = record.as_ptr();
        if (*record).progress() == Progress::Decided {
            return act(r, record);
        }
        park(r, record)
    }
}

/// Whether to look the request up, and under which key.
///
/// # Safety
/// As [`handle`].
unsafe fn prepare(
    r: *mut ngx_http_request_t,
    conf: &LocConf,
    site: &Site,
) -> Result<Plan, Outcome> {
    // SAFETY: as `handle`.
    unsafe {
        let view = view::of(r);
        policy::admit(&view)?;
        if evaluate::any_set(r, conf.bypass)? {
            return Err(Bypass::Bypass.into());
        }
        if let Some(patterns) = &conf.ignore {
            if patterns.matches(&key::full_path(view::target(r))?) {
                return Err(Bypass::Ignore.into());
            }
        }
        policy::admit_target(&view)?;
        let reading = Reading {
            format: site.format,
            max_size: conf.max_size,
            gzip_flag: conf.gzip_flag.unwrap_or_default(),
            public_only: conf.public_only != 0,
        };
        plan(r, site, &view, reading)
    }
}

/// Where the page may lie, by the site's recipe.
///
/// # Safety
/// As [`handle`].
unsafe fn plan(
    r: *mut ngx_http_request_t,
    site: &Site,
    view: &RequestView<'_>,
    reading: Reading,
) -> Result<Plan, Outcome> {
    // SAFETY: as `handle`.
    unsafe {
        let namespace = evaluate::text(r, &site.namespace)?;
        let prefix = evaluate::text(r, &site.prefix)?;
        let lang = evaluate::text(r, &site.lang)?;
        let zone = evaluate::text(r, &site.timezone)?;
        let uri = match &site.uri {
            Some(text) => Cow::Borrowed(evaluate::text(r, text)?),
            None => {
                let host = view.host.unwrap_or_default();
                site.recipe.usual_uri(view::scheme(r), host, view::target(r))?
            }
        };
        let parts = KeyParts { namespace, prefix, uri: &uri, lang, timezone: zone };
        Ok(Plan::new(site.recipe, site.protocol, &parts, view.method, site.form, reading)?)
    }
}

/// Lets the request wait, and watches for the client's leaving (`ngx_http_limit_req_handler`).
///
/// # Safety
/// As [`handle`]; `record` is the request's.
unsafe fn park(r: *mut ngx_http_request_t, record: *mut Record) -> ngx_int_t {
    // SAFETY: as `handle`.
    unsafe {
        let read = (*(*r).connection).read;
        if (*read).ready() != 0 {
            ngx_post_event(read, &raw mut ngx_posted_events);
        } else if ngx_handle_read_event(read, 0) != code::OK {
            (*record).decide(Failure::Memory.into(), None);
            return act(r, record);
        }
        (*r).read_event_handler = Some(ngx_http_test_reading);
        (*record).set_parked(true);
        code::AGAIN
    }
}

/// Acts upon what was decided: serves the page, or takes the fallback.
///
/// # Safety
/// As [`handle`]; `record` is the request's and decided. Both may be gone afterwards.
unsafe fn act(r: *mut ngx_http_request_t, record: *mut Record) -> ngx_int_t {
    // SAFETY: as `handle`. Sending evaluates variables, which read the record, and may send the
    // request elsewhere: nothing refers to the record meanwhile but to its page, and that stays.
    unsafe {
        (*record).set_parked(false);
        (*record).spend();
        (*r).read_event_handler = Some(ngx_http_block_reading);
        let conf = (*record).conf();
        ngx_log_debug_mask!(
            DebugMask::Http,
            (*(*r).connection).log,
            "rust_page_cache: {} {} key \"{}\"",
            (*record).outcome().map_or("", Outcome::status),
            (*record).outcome().map_or("", Outcome::reason),
            (*record).key().escape_ascii()
        );
        if let Some(page) = (*record).page() {
            if let Some(rc) = respond::send(r, page, &*conf) {
                ngx_http_finalize_request(r, rc);
                return code::DONE;
            }
            (*record).cannot_be_served();
        }
        match (*conf).site().and_then(|site| fallback::route(r, &*conf, site)) {
            Some(route) => fallback::take(r, route),
            None => code::DECLINED,
        }
    }
}
