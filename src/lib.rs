//! `rust_page_cache`: an application's cached pages, served straight from nginx.
//!
//! ```text
//! request -> view -> policy --Bypass(why)--------------------> fallback
//!                      | may be looked up
//!                     key ----not a legal key-----------------> fallback
//!                      |
//!        store/connection/pipeline   (parked: NGX_AGAIN)
//!                      | reply stored in the record, the record's event posted
//!                    page --Hit--> respond    --Miss--> fallback    --Failure(why)--> fallback
//! ```
//!
//! What can be decided without nginx is decided in the `page-cache` crate; here are casts, calls
//! and status codes. One file a concern: `directives`, `site`, `conf` and `check` read the
//! configuration; `handler` runs a request, `view` shows it to the policy, `record` keeps what was
//! decided for it and `trail` which way it came; `evaluate`, `captures` and `set_header` say what
//! variables give; `store`, `server`, `connection`, `peer`, `ticket` and `timer` talk to the stores;
//! `respond`, `headers` and `fallback` end the matter; `variables` tell of it. `reserve` is the
//! allocator.

mod bits;
mod captures;
mod check;
mod conf;
mod connection;
mod directives;
mod evaluate;
mod fallback;
mod fit;
mod handler;
mod headers;
mod peer;
mod record;
mod reserve;
mod respond;
mod server;
mod set_header;
mod site;
mod store;
mod sys;
mod ticket;
mod timer;
mod trail;
mod variables;
mod view;

use std::ffi::{c_char, c_void};
use std::ptr;

use ngx::ffi::*;

use check::Entry;
use conf::{LocConf, UNSET};
use sys::code;

/// What the module knows of the whole `http {}` block.
struct MainConf {
    /// The locations where the directive is on.
    entries: Vec<Entry>,
    /// `rust_page_cache_max_memory`, in bytes.
    max_memory: usize,
}

impl Default for MainConf {
    fn default() -> Self {
        Self { entries: Vec::new(), max_memory: UNSET }
    }
}

impl MainConf {
    /// What a worker may hold for clients if nothing is said, in bytes.
    const MAX_MEMORY: usize = 128 << 20;

    /// The configuration of the `http {}` block that `r` is in.
    ///
    /// # Safety
    /// `r` must be live.
    unsafe fn of(r: *mut ngx_http_request_t) -> *const Self {
        // SAFETY: nginx holds what `create_conf::<MainConf>` returned.
        unsafe { (*(*r).main_conf.add(ctx_index())).cast::<Self>() }
    }

    /// What a worker may hold for clients, in bytes.
    fn max_memory(&self) -> usize {
        if self.max_memory == UNSET { Self::MAX_MEMORY } else { self.max_memory }
    }
}

static MODULE_CTX: ngx_http_module_t = ngx_http_module_t {
    preconfiguration: Some(preconfiguration),
    postconfiguration: Some(postconfiguration),
    create_main_conf: Some(create_conf::<MainConf>),
    init_main_conf: None,
    create_srv_conf: None,
    merge_srv_conf: None,
    create_loc_conf: Some(create_conf::<LocConf>),
    merge_loc_conf: Some(merge_loc_conf),
};

#[cfg(feature = "export-modules")]
ngx::ngx_modules!(ngx_http_rust_page_cache_module);

/// The module, as nginx sees it.
#[allow(non_upper_case_globals)]
#[cfg_attr(not(feature = "export-modules"), unsafe(no_mangle))]
pub static mut ngx_http_rust_page_cache_module: ngx_module_t = ngx_module_t {
    ctx: (&raw const MODULE_CTX).cast_mut().cast(),
    commands: (&raw mut directives::COMMANDS).cast(),
    type_: NGX_HTTP_MODULE as ngx_uint_t,
    exit_process: Some(exit_process),
    ..ngx_module_t::default()
};

/// Our place in the arrays of contexts and configurations.
#[inline]
fn ctx_index() -> usize {
    // SAFETY: written by nginx when it loads the module, before anything of ours runs.
    unsafe { ngx_http_rust_page_cache_module.ctx_index }
}

impl LocConf {
    /// The configuration of the location that `r` is in.
    ///
    /// # Safety
    /// `r` must be live.
    pub unsafe fn of(r: *mut ngx_http_request_t) -> *const Self {
        // SAFETY: nginx holds what `create_conf::<LocConf>` returned.
        unsafe { (*(*r).loc_conf.add(ctx_index())).cast::<Self>() }
    }
}

/// # Safety
/// Called by nginx while it reads the configuration.
unsafe extern "C" fn create_conf<T: Default>(cf: *mut ngx_conf_t) -> *mut c_void {
    // SAFETY: cf->pool lives as long as the configuration.
    unsafe { sys::move_to_pool((*cf).pool, T::default()) }
        .map_or(ptr::null_mut(), |conf| conf.cast())
}

/// # Safety
/// `cf` must be nginx's, within `http {}`.
unsafe fn main_conf<'a>(cf: *mut ngx_conf_t) -> &'a mut MainConf {
    // SAFETY: nginx holds what `create_conf::<MainConf>` returned.
    unsafe {
        let ctx = (*cf).ctx.cast::<ngx_http_conf_ctx_t>();
        &mut *(*(*ctx).main_conf.add(ctx_index())).cast::<MainConf>()
    }
}

/// # Safety
/// Called by nginx while it reads the configuration.
unsafe extern "C" fn preconfiguration(cf: *mut ngx_conf_t) -> ngx_int_t {
    // SAFETY: see above.
    unsafe {
        if !fit::is_built_for_this_nginx(cf) || variables::add(cf).is_none() {
            return code::ERROR;
        }
    }
    code::OK
}

/// # Safety
/// Called by nginx at merge, with the confs that we created.
unsafe extern "C" fn merge_loc_conf(
    cf: *mut ngx_conf_t,
    prev: *mut c_void,
    conf: *mut c_void,
) -> *mut c_char {
    // SAFETY: at merge cf->ctx holds the confs of the location being merged.
    unsafe {
        let ctx = (*cf).ctx.cast::<ngx_http_conf_ctx_t>();
        let index = ngx_http_core_module.ctx_index;
        let core = (*(*ctx).loc_conf.add(index)).cast::<ngx_http_core_loc_conf_t>();
        let conf = conf.cast::<LocConf>();
        conf::merge(prev.cast(), conf, core);
        check::remember(cf, &mut main_conf(cf).entries, conf);
    }
    ptr::null_mut()
}

/// # Safety
/// Called by nginx when the configuration has been read.
unsafe extern "C" fn postconfiguration(cf: *mut ngx_conf_t) -> ngx_int_t {
    // SAFETY: see above; the arrays are nginx's.
    unsafe {
        let main = main_conf(cf);
        let entries = &main.entries;
        if let Err(problem) = check::all(cf, entries, main.max_memory()) {
            problem.log(cf);
            return code::ERROR;
        }
        // Whoever does not use the directive does not pay for it.
        if entries.is_empty() || add_handlers(cf, entries).is_some() {
            return code::OK;
        }
    }
    code::ERROR
}

/// The handlers of the phases. `None` when memory is short.
///
/// # Safety
/// As [`postconfiguration`].
unsafe fn add_handlers(cf: *mut ngx_conf_t, entries: &[Entry]) -> Option<()> {
    // SAFETY: the arrays are nginx's; confs live in the configuration's pool.
    unsafe {
        let ctx = (*cf).ctx.cast::<ngx_http_conf_ctx_t>();
        let index = ngx_http_core_module.ctx_index;
        let core = (*(*ctx).main_conf.add(index)).cast::<ngx_http_core_main_conf_t>();
        add_handler(core, ngx_http_phases_NGX_HTTP_PRECONTENT_PHASE, handler::handle)?;
        if entries.iter().any(|entry| (*entry.conf).named) {
            add_handler(core, ngx_http_phases_NGX_HTTP_REWRITE_PHASE, trail::on_rewrite)?;
            add_handler(core, ngx_http_phases_NGX_HTTP_PREACCESS_PHASE, trail::on_preaccess)?;
        }
    }
    Some(())
}

/// # Safety
/// `core` must be nginx's main configuration, at postconfiguration.
unsafe fn add_handler(
    core: *mut ngx_http_core_main_conf_t,
    phase: ngx_http_phases,
    handler: unsafe extern "C" fn(*mut ngx_http_request_t) -> ngx_int_t,
) -> Option<()> {
    // SAFETY: the caller vouches for `core`.
    unsafe {
        let phases = &raw mut (*core).phases;
        let handlers = &raw mut (*phases)[phase as usize].handlers;
        let slot = ngx_array_push(handlers).cast::<ngx_http_handler_pt>();
        if slot.is_null() {
            return None;
        }
        *slot = Some(handler);
    }
    Some(())
}

/// # Safety
/// Called by nginx when a worker ends.
unsafe extern "C" fn exit_process(_cycle: *mut ngx_cycle_t) {
    // SAFETY: no request is left.
    unsafe { store::close_all() };
}
