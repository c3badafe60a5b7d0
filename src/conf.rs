//! The configuration of a location, and how it is inherited.

use std::cell::RefCell;
use std::ptr;
use std::rc::Rc;

use ngx::ffi::*;
use page_cache::lookup::Memory;
use page_cache::page::GzipFlag;
use page_cache::page::hidden::HiddenFields;
use page_cache::policy::IgnorePatterns;

use crate::set_header::{self, SetHeader};
use crate::site::Site;
use crate::sys;

/// Not set at this level: `NGX_CONF_UNSET_UINT`.
pub const UNSET: ngx_uint_t = ngx_uint_t::MAX;
const UNSET_FLAG: ngx_flag_t = -1;

/// `rust_page_cache` at one level of the configuration.
#[derive(Clone, Default)]
pub enum Setting {
    /// Not written here.
    #[default]
    Unset,
    /// `rust_page_cache off`
    Off,
    /// `rust_page_cache STORE ...`
    On(Rc<Site>),
}

/// The configuration of one location, server or `if`.
#[repr(C)]
pub struct LocConf {
    /// `rust_page_cache`
    pub setting: Setting,
    /// Written in this very location (or in the one around this `if` or `limit_except`), rather
    /// than inherited.
    pub written_here: bool,
    /// A named location, or an `if` in one.
    pub named: bool,
    /// `rust_page_cache_bypass`: an array of complex values.
    pub bypass: *mut ngx_array_t,
    /// `rust_page_cache_ignore`
    pub ignore: Option<Rc<IgnorePatterns>>,
    /// Milliseconds.
    pub connect_timeout: ngx_msec_t,
    /// Milliseconds.
    pub timeout: ngx_msec_t,
    /// Bytes.
    pub max_size: usize,
    /// Per worker and server.
    pub connections: ngx_uint_t,
    /// `rust_page_cache_gzip_flag`
    pub gzip_flag: Option<GzipFlag>,
    /// `rust_page_cache_set_header`
    pub set_headers: Option<Rc<Vec<SetHeader>>>,
    /// `rust_page_cache_hide_header`
    pub hide_headers: Option<Rc<HiddenFields>>,
    /// `rust_page_cache_public_only`
    pub public_only: ngx_flag_t,
    /// `rust_page_cache_etag`
    pub etag: ngx_flag_t,
    /// nginx's own configuration of the same location; set when merged.
    pub core: *mut ngx_http_core_loc_conf_t,
    /// The location around this `if` or `limit_except`.
    pub around: *const LocConf,
    /// At server level: there is a `location /`, so the server block itself never serves.
    pub has_root: bool,
    /// The patterns of this level as written; compiled anew with each directive.
    pub patterns: Option<Vec<String>>,
    /// What this worker remembers of the location. Not shared with others that inherit the
    /// directive: they may read values by other limits and flags, and serve other sites.
    pub memory: RefCell<Memory>,
}

impl Default for LocConf {
    fn default() -> Self {
        Self {
            setting: Setting::Unset,
            written_here: false,
            named: false,
            bypass: ptr::without_provenance_mut(usize::MAX),
            ignore: None,
            connect_timeout: UNSET,
            timeout: UNSET,
            max_size: UNSET,
            connections: UNSET,
            gzip_flag: None,
            set_headers: None,
            hide_headers: None,
            public_only: UNSET_FLAG,
            etag: UNSET_FLAG,
            core: ptr::null_mut(),
            around: ptr::null(),
            has_root: false,
            patterns: None,
            memory: RefCell::default(),
        }
    }
}

impl LocConf {
    /// The compiled directive, where it is on.
    pub fn site(&self) -> Option<&Rc<Site>> {
        match &self.setting {
            Setting::On(site) => Some(site),
            Setting::Unset | Setting::Off => None,
        }
    }

    /// `rust_page_cache_set_header`, of this level or inherited.
    pub fn set_headers(&self) -> &[SetHeader] {
        self.set_headers.as_ref().map_or(&[], |headers| headers)
    }
}

/// Fills `conf` with what it inherits.
///
/// # Safety
/// Called by nginx at merge, with confs that we created; `core` is nginx's own for `conf`.
pub unsafe fn merge(prev: *mut LocConf, conf: *mut LocConf, core: *mut ngx_http_core_loc_conf_t) {
    // SAFETY: the caller vouches for the pointers; `prev` and `conf` are distinct.
    let (prev, conf, core_ref) = unsafe { (&mut *prev, &mut *conf, &*core) };
    conf.core = core;
    let within = core_ref.noname() != 0;
    if matches!(conf.setting, Setting::Unset) && core_ref.named() == 0 {
        conf.setting = prev.setting.clone();
        conf.written_here = within && prev.written_here;
    }
    conf.named = core_ref.named() != 0 || (within && prev.named);
    if within {
        conf.around = prev;
    }
    // SAFETY: a location's name lives in the configuration's pool.
    let name = unsafe { sys::bytes(core_ref.name) };
    if !within && core_ref.exact_match() == 0 && !is_regex(core_ref) && name == b"/" {
        prev.has_root = true;
    }
    let unset_array = ptr::without_provenance_mut(usize::MAX);
    if conf.bypass == unset_array {
        conf.bypass = if prev.bypass == unset_array { ptr::null_mut() } else { prev.bypass };
    }
    if conf.ignore.is_none() {
        conf.ignore = prev.ignore.clone();
    }
    let word = |own: usize, above: usize, default: usize| match (own, above) {
        (UNSET, UNSET) => default,
        (UNSET, above) => above,
        (own, _) => own,
    };
    conf.connect_timeout = word(conf.connect_timeout, prev.connect_timeout, 100);
    conf.timeout = word(conf.timeout, prev.timeout, 250);
    conf.max_size = word(conf.max_size, prev.max_size, 8 << 20);
    conf.connections = word(conf.connections, prev.connections, 2);
    conf.gzip_flag = conf.gzip_flag.or(prev.gzip_flag);
    // As proxy_set_header and proxy_hide_header: a level with any of its own inherits none. Those
    // cannot stand in an `if`, and stay in force there: ours add to them.
    conf.set_headers = match (conf.set_headers.take(), &prev.set_headers) {
        (Some(own), Some(above)) if within => Some(Rc::new(set_header::added(&own, above))),
        (own, above) => own.or_else(|| above.clone()),
    };
    conf.hide_headers = match (conf.hide_headers.take(), &prev.hide_headers) {
        (Some(own), Some(above)) if within => Some(Rc::new(own.and(above))),
        (own, above) => own.or_else(|| above.clone()),
    };
    let flag = |own: ngx_flag_t, above: ngx_flag_t, default| match (own, above) {
        (UNSET_FLAG, UNSET_FLAG) => default,
        (UNSET_FLAG, above) => above,
        (own, _) => own,
    };
    conf.public_only = flag(conf.public_only, prev.public_only, 0);
    conf.etag = flag(conf.etag, prev.etag, 1);
}

#[cfg(ngx_feature = "pcre")]
fn is_regex(core: &ngx_http_core_loc_conf_t) -> bool {
    !core.regex.is_null()
}

#[cfg(not(ngx_feature = "pcre"))]
fn is_regex(_core: &ngx_http_core_loc_conf_t) -> bool {
    false
}
