//! What can be said of the configuration only when all of it is known: whether fallbacks exist,
//! whether pages can be public, and whether the store's servers have ports.

use std::ffi::CStr;
use std::rc::Rc;

use ngx::ffi::*;
use ngx::ngx_log_error;
use page_cache::directive::Format;
use page_cache::held;
use page_cache::key::Recipe;

use crate::conf::{LocConf, Setting};
use crate::site::{Route, Site};
use crate::sys;

/// The named location that is meant where nothing else is said.
pub const DEFAULT_FALLBACK: &[u8] = b"@django";

/// One merged location of one server.
pub struct Entry {
    /// Our configuration of it.
    pub conf: *const LocConf,
    /// The server that it is in.
    pub server: *mut ngx_http_core_srv_conf_t,
}

/// What is wrong with a configuration, in words that say what to write instead.
pub struct Problem {
    text: String,
    place: String,
}

impl Problem {
    /// Logs it as nginx logs an error of configuration.
    ///
    /// # Safety
    /// `cf` must be nginx's.
    pub unsafe fn log(&self, cf: *mut ngx_conf_t) {
        // SAFETY: the caller vouches for `cf`.
        let log = unsafe { (*cf).log };
        ngx_log_error!(NGX_LOG_EMERG, log, "{} in {}", self.text, self.place);
    }
}

/// Checks every location where the directive is on. `max_memory` is
/// `rust_page_cache_max_memory`, in bytes.
///
/// # Safety
/// Called at postconfiguration, with the entries collected at merge.
pub unsafe fn all(
    cf: *mut ngx_conf_t,
    entries: &[Entry],
    max_memory: usize,
) -> Result<(), Problem> {
    let mut warned: Vec<*mut ngx_http_upstream_srv_conf_t> = Vec::new();
    let mut seen: Vec<*const Site> = Vec::new();
    for entry in entries {
        // SAFETY: confs live in the configuration's pool.
        let conf = unsafe { &*entry.conf };
        let Setting::On(site) = &conf.setting else { continue };
        // SAFETY: as above.
        unsafe { check_fallback(conf, site, entry.server)? };
        if !seen.contains(&Rc::as_ptr(site)) {
            seen.push(Rc::as_ptr(site));
            // SAFETY: `cf` is nginx's.
            unsafe { check_form(cf, site) };
        }
        check_public_only(conf, site)?;
        if !warned.contains(&site.upstream) {
            warned.push(site.upstream);
            // SAFETY: the upstream module initialised its upstreams before postconfiguration.
            unsafe { check_upstream(cf, site)? };
        }
    }
    // SAFETY: as above.
    unsafe { check_sizes(cf, entries, max_memory) };
    Ok(())
}

/// Warns where pages that vary cannot be served.
///
/// # Safety
/// As [`all`].
unsafe fn check_form(cf: *mut ngx_conf_t, site: &Site) {
    if site.recipe == Recipe::Django && site.form.is_none() {
        // SAFETY: the caller vouches for `cf`.
        let log = unsafe { (*cf).log };
        ngx_log_error!(
            NGX_LOG_WARN,
            log,
            "\"rust_page_cache\" directive: no \"django=\", pages that vary (on Cookie, \
             Accept-Language and so on) are not served without it, write the release of Django that \
             the site runs, such as django=5.2.19, in {}",
            site.place.describe()
        );
    }
}

/// Warns if pages may be larger than one connection may hold: they would never be served. Once, of
/// the first location.
///
/// # Safety
/// As [`all`].
unsafe fn check_sizes(cf: *mut ngx_conf_t, entries: &[Entry], max_memory: usize) {
    let most = max_memory / held::SHARE_OF_CONNECTION;
    for entry in entries {
        // SAFETY: confs live in the configuration's pool.
        let conf = unsafe { &*entry.conf };
        let Setting::On(site) = &conf.setting else { continue };
        if conf.max_size > most {
            // SAFETY: the caller vouches for `cf`.
            let log = unsafe { (*cf).log };
            ngx_log_error!(
                NGX_LOG_WARN,
                log,
                "\"rust_page_cache_max_size\" allows {} bytes, but one connection may hold only an \
                 eighth of \"rust_page_cache_max_memory\", {most} bytes, so larger pages are not \
                 served, raise the latter to {}k or more, for {}",
                conf.max_size,
                conf.max_size.saturating_mul(held::SHARE_OF_CONNECTION).div_ceil(1024),
                site.place.describe()
            );
            return;
        }
    }
}

/// # Safety
/// As [`all`].
unsafe fn check_fallback(
    conf: &LocConf,
    site: &Site,
    server: *mut ngx_http_core_srv_conf_t,
) -> Result<(), Problem> {
    let name: &[u8] = match &site.fallback {
        Some(Route::Next) => return Ok(()),
        Some(Route::Named(name)) => name,
        // SAFETY: as `all`.
        None if unsafe { needs_default_fallback(conf) } => DEFAULT_FALLBACK,
        None => return Ok(()),
    };
    // SAFETY: `core` was set at merge.
    let own = unsafe { name_of(conf) };
    let problem = |text: String| Err(Problem { text, place: site.place.describe() });
    let shown = name.escape_ascii();
    if own == name {
        return problem(format!(
            "\"rust_page_cache\" directive: location \"{shown}\" falls back to itself, it needs a \
             handler such as \"proxy_pass\", or \"fallback=\" with another location"
        ));
    }
    // SAFETY: as `all`.
    if unsafe { has_named_location(server, name) } {
        return Ok(());
    }
    if site.fallback.is_some() {
        return problem(format!(
            "\"rust_page_cache\" directive: no \"location {shown}\" for \"fallback={shown}\" in \
             this server, add it, or write \"rust_page_cache off\" in the servers without it"
        ));
    }
    problem(format!(
        "\"rust_page_cache\" directive: no \"location {shown}\" in this server to fall back to, \
         add it, or a handler such as \"proxy_pass\" beside the directive, or write \
         \"fallback=@name\" or \"fallback=next\""
    ))
}

/// A bare body does not say for whom it was made: with `public_only` nothing would be served.
fn check_public_only(conf: &LocConf, site: &Site) -> Result<(), Problem> {
    if conf.public_only == 0 || site.format != Format::Body {
        return Ok(());
    }
    let text = "\"rust_page_cache_public_only on\" holds for a \"rust_page_cache\" directive with \
                \"format=body\" (the default of key=raw, prefix and md5), but a stored body has no \
                Cache-Control to say \"public\", write \"rust_page_cache_public_only off\" beside \
                the directive, or \"format=django\" if whole responses of Django are stored";
    Err(Problem { text: text.to_owned(), place: site.place.describe() })
}

/// Whether a request of this location can end in `@django`: the location has no handler of its
/// own, and the directive was written in it, or in the server block that serves for it.
///
/// # Safety
/// As [`all`].
unsafe fn needs_default_fallback(conf: &LocConf) -> bool {
    // SAFETY: as `all`.
    if !conf.written_here || unsafe { has_handler(conf) } {
        return false;
    }
    // SAFETY: `core` was set at merge.
    let is_server = unsafe { name_of(conf).is_empty() && (*conf.core).noname() == 0 };
    !(is_server && conf.has_root)
}

/// Whether the location, or the one around this `if`, has a content handler.
///
/// # Safety
/// As [`all`].
unsafe fn has_handler(conf: &LocConf) -> bool {
    let mut conf: *const LocConf = conf;
    while !conf.is_null() {
        // SAFETY: confs live in the configuration's pool; `core` was set at merge.
        unsafe {
            let core = (*conf).core;
            if !core.is_null() && (*core).handler.is_some() {
                return true;
            }
            conf = (*conf).around;
        }
    }
    false
}

/// The name of the location, or of the one around this `if`.
///
/// # Safety
/// As [`all`].
unsafe fn name_of(conf: &LocConf) -> &[u8] {
    let mut conf = conf;
    // SAFETY: confs live in the configuration's pool; `core` was set at merge.
    unsafe {
        while !conf.around.is_null() {
            conf = &*conf.around;
        }
        if conf.core.is_null() { b"" } else { sys::bytes((*conf.core).name) }
    }
}

/// # Safety
/// As [`all`].
unsafe fn has_named_location(server: *mut ngx_http_core_srv_conf_t, name: &[u8]) -> bool {
    // SAFETY: nginx ends the array of named locations with a null.
    unsafe {
        let mut next = (*server).named_locations;
        while !next.is_null() && !(*next).is_null() {
            if sys::bytes((**next).name) == name {
                return true;
            }
            next = next.add(1);
        }
    }
    false
}

/// Refuses `sticky`, warns of servers on port 80.
///
/// # Safety
/// As [`all`].
unsafe fn check_upstream(cf: *mut ngx_conf_t, site: &Site) -> Result<(), Problem> {
    // SAFETY: as `all`.
    unsafe {
        let upstream = &*site.upstream;
        let shown = sys::bytes(upstream.host).escape_ascii();
        if has_sticky(cf, site.upstream) {
            return Err(Problem {
                text: format!(
                    "\"rust_page_cache\" directive: upstream \"{shown}\" uses \"sticky\", which \
                     would tie clients to stores, use \"hash $rust_page_cache_full_path\" or \
                     another method"
                ),
                place: site.place.describe(),
            });
        }
        if upstream.flags & NGX_HTTP_UPSTREAM_CREATE as ngx_uint_t == 0
            || upstream.servers.is_null()
        {
            return Ok(());
        }
        for server in (*upstream.servers).as_slice::<ngx_http_upstream_server_t>() {
            let addresses = if server.naddrs == 0 || server.addrs.is_null() {
                &[]
            } else {
                std::slice::from_raw_parts(server.addrs, server.naddrs)
            };
            if addresses.iter().any(|a| ngx_inet_get_port(a.sockaddr) == 80) {
                ngx_log_error!(
                    NGX_LOG_WARN,
                    (*cf).log,
                    "\"rust_page_cache\" directive: server \"{}\" of upstream \"{shown}\" has port \
                     80, which is nginx's default, write the port of the store in {}",
                    sys::bytes(server.name).escape_ascii(),
                    site.place.describe()
                );
            }
        }
    }
    Ok(())
}

/// Whether the `sticky` directive (nginx 1.29.6) stands in the upstream. Its module keeps its
/// types to itself, but the first word of its configuration is the initialiser that it saved when
/// the directive was read.
///
/// # Safety
/// As [`all`].
unsafe fn has_sticky(cf: *mut ngx_conf_t, upstream: *mut ngx_http_upstream_srv_conf_t) -> bool {
    // SAFETY: the modules of a cycle are an array that ends with a null; an upstream block has a
    // configuration for each HTTP module.
    unsafe {
        let confs = (*upstream).srv_conf;
        let mut module = (*(*cf).cycle).modules;
        if confs.is_null() || module.is_null() {
            return false;
        }
        while !(*module).is_null() {
            let name = (**module).name;
            if !name.is_null()
                && CStr::from_ptr(name).to_bytes() == b"ngx_http_upstream_sticky_module"
            {
                let conf = (*confs.add((**module).ctx_index)).cast::<*const ()>();
                return !conf.is_null() && !(*conf).is_null();
            }
            module = module.add(1);
        }
    }
    false
}

/// Collects what [`all`] will look at.
///
/// # Safety
/// Called at merge with `cf` and the merged conf.
pub unsafe fn remember(cf: *mut ngx_conf_t, entries: &mut Vec<Entry>, conf: *const LocConf) {
    // SAFETY: at merge cf->ctx is that of the server being merged.
    unsafe {
        if (*conf).site().is_none() {
            return;
        }
        let ctx = (*cf).ctx.cast::<ngx_http_conf_ctx_t>();
        let index = ngx_http_core_module.ctx_index;
        let server = (*(*ctx).srv_conf.add(index)).cast::<ngx_http_core_srv_conf_t>();
        entries.push(Entry { conf, server });
    }
}
