//! Directives: what they set, how they are inherited.
//!
//! What the parameters of `rust_page_cache` mean is decided in `page_cache::directive`, which the
//! command-line tool shares. Whether they fit the rest of the configuration is checked in
//! `check.rs`, when all of it is known.

use std::cell::RefCell;
use std::ffi::{c_char, c_void};
use std::mem::offset_of;
use std::ptr;
use std::rc::Rc;

use ngx::ffi::*;
use ngx::ngx_conf_log_error;
use page_cache::directive::{self, Address, Directive, Fallback, Format, Spec};
use page_cache::key::Recipe;
use page_cache::key::vary::VaryForm;
use page_cache::lookup::Memory;
use page_cache::pipeline::Handshake;
use page_cache::policy::IgnorePatterns;
use page_cache::wire::Protocol;

use crate::sys;

/// `NGX_CONF_OK`
const OK: *mut c_char = ptr::null_mut();
/// `NGX_CONF_ERROR`
const ERROR: *mut c_char = ptr::without_provenance_mut(usize::MAX);

const UNSET: ngx_uint_t = ngx_uint_t::MAX;
const UNSET_FLAG: ngx_flag_t = -1;

/// Where the directive may stand.
const EVERYWHERE: ngx_uint_t =
    (NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_HTTP_LIF_CONF) as ngx_uint_t;
const FLAG: ngx_uint_t = NGX_CONF_FLAG as ngx_uint_t;
const ONE: ngx_uint_t = NGX_CONF_TAKE1 as ngx_uint_t;
const MORE: ngx_uint_t = NGX_CONF_1MORE as ngx_uint_t;

/// `KEY_PREFIX:VERSION:` of Django's default settings.
const DJANGO_NAMESPACE: &[u8] = b":1:";
/// LANGUAGE_CODE of Django's default settings.
const DJANGO_LANG: &[u8] = b"en-us";
/// TIME_ZONE of a new project's settings.
const DJANGO_TIMEZONE: &[u8] = b"UTC";

/// A parameter that may hold variables.
pub enum Text {
    /// Known when the configuration is read.
    Literal(Vec<u8>),
    /// To be evaluated for each request.
    Complex(*mut ngx_http_complex_value_t),
}

/// Where a directive was written, for messages.
pub struct Place {
    file: Vec<u8>,
    line: ngx_uint_t,
}

/// Where a request goes when the cache does not answer.
pub enum Route {
    /// On through the phases: the location's own handler, `try_files`, static files.
    Next,
    /// To a named location; its name with the `@`.
    Named(Vec<u8>),
}

/// One `rust_page_cache STORE ...`, compiled. Shared by all locations that inherit it.
pub struct Site {
    /// How the key is made.
    pub recipe: Recipe,
    /// How the value is read.
    pub format: Format,
    /// `prefix=`
    pub prefix: Text,
    /// `namespace=`
    pub namespace: Text,
    /// `uri=`; the default is computed.
    pub uri: Option<Text>,
    /// `lang=`
    pub lang: Text,
    /// `timezone=`
    pub timezone: Text,
    /// The form of the Vary digest by `django=`; to be found out if there is none.
    pub form: Option<VaryForm>,
    /// What this worker remembers of the site.
    pub memory: RefCell<Memory>,
    /// `fallback=`
    pub fallback: Option<Route>,
    /// What the store speaks.
    pub protocol: Protocol,
    /// Who we are to the store.
    pub handshake: Rc<Handshake>,
    /// nginx's balancer for the store.
    pub upstream: *mut ngx_http_upstream_srv_conf_t,
    /// For messages.
    pub place: Place,
}

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
    /// Bits of memcached's flags.
    pub gzip_flag: ngx_uint_t,
    /// `rust_page_cache_etag`
    pub etag: ngx_flag_t,
    /// nginx's own configuration of the same location; set when merged.
    pub core: *mut ngx_http_core_loc_conf_t,
    /// The location around this `if` or `limit_except`.
    pub around: *const LocConf,
    /// At server level: there is a `location /`, so the server block itself never serves.
    pub has_root: bool,
    /// The patterns of this level as written; compiled anew with each directive.
    patterns: Option<Vec<String>>,
}

impl Default for LocConf {
    fn default() -> Self {
        Self {
            setting: Setting::Unset,
            written_here: false,
            bypass: ptr::without_provenance_mut(usize::MAX),
            ignore: None,
            connect_timeout: UNSET,
            timeout: UNSET,
            max_size: UNSET,
            connections: UNSET,
            gzip_flag: UNSET,
            etag: UNSET_FLAG,
            core: ptr::null_mut(),
            around: ptr::null(),
            has_root: false,
            patterns: None,
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
}

impl Place {
    /// The end of a message, as nginx writes it.
    pub fn describe(&self) -> String {
        format!("{}:{}", String::from_utf8_lossy(&self.file), self.line)
    }

    /// # Safety
    /// `cf` must be nginx's, while it reads a file.
    unsafe fn here(cf: *mut ngx_conf_t) -> Self {
        // SAFETY: the caller vouches for `cf`; conf_file is null only for directives of -g.
        unsafe {
            let file = (*cf).conf_file;
            if file.is_null() {
                return Self { file: b"command line".to_vec(), line: 0 };
            }
            Self { file: sys::bytes((*file).file.name).to_vec(), line: (*file).line }
        }
    }
}

const fn command(
    name: ngx_str_t,
    args: ngx_uint_t,
    set: unsafe extern "C" fn(*mut ngx_conf_t, *mut ngx_command_t, *mut c_void) -> *mut c_char,
    offset: usize,
) -> ngx_command_t {
    ngx_command_t {
        name,
        type_: EVERYWHERE | args,
        set: Some(set),
        conf: offset_of!(ngx_http_conf_ctx_t, loc_conf),
        offset,
        post: ptr::null_mut(),
    }
}

/// The table of directives.
pub static mut COMMANDS: [ngx_command_t; 10] = [
    command(ngx::ngx_string!("rust_page_cache"), MORE, set_page_cache, 0),
    command(
        ngx::ngx_string!("rust_page_cache_bypass"),
        MORE,
        ngx_http_set_predicate_slot,
        offset_of!(LocConf, bypass),
    ),
    command(ngx::ngx_string!("rust_page_cache_ignore"), MORE, set_ignore, 0),
    command(
        ngx::ngx_string!("rust_page_cache_connect_timeout"),
        ONE,
        set_time,
        offset_of!(LocConf, connect_timeout),
    ),
    command(
        ngx::ngx_string!("rust_page_cache_timeout"),
        ONE,
        set_time,
        offset_of!(LocConf, timeout),
    ),
    command(
        ngx::ngx_string!("rust_page_cache_max_size"),
        ONE,
        set_size,
        offset_of!(LocConf, max_size),
    ),
    command(
        ngx::ngx_string!("rust_page_cache_connections"),
        ONE,
        set_connections,
        offset_of!(LocConf, connections),
    ),
    command(
        ngx::ngx_string!("rust_page_cache_gzip_flag"),
        ONE,
        set_gzip_flag,
        offset_of!(LocConf, gzip_flag),
    ),
    command(
        ngx::ngx_string!("rust_page_cache_etag"),
        FLAG,
        ngx_conf_set_flag_slot,
        offset_of!(LocConf, etag),
    ),
    ngx_command_t::empty(),
];

/// Says `$message` as nginx does, with file and line, and evaluates to `NGX_CONF_ERROR`.
macro_rules! refuse {
    ($cf:expr, $($message:tt)+) => {{
        ngx_conf_log_error!(NGX_LOG_EMERG, $cf, $($message)+);
        ERROR
    }};
}

/// The words of the directive being read, without its name.
///
/// # Safety
/// `cf` must be nginx's, inside a setter.
unsafe fn words<'a>(cf: *mut ngx_conf_t) -> Vec<&'a [u8]> {
    // SAFETY: inside a setter `args` holds the directive's words, which live in cf->pool.
    unsafe {
        let all = (*(*cf).args).as_slice::<ngx_str_t>();
        all.iter().skip(1).map(|&word| sys::bytes(word)).collect()
    }
}

/// The name of the directive being read.
///
/// # Safety
/// `cmd` must be an entry of [`COMMANDS`].
unsafe fn name_of(cmd: *mut ngx_command_t) -> String {
    // SAFETY: the caller vouches for `cmd`; names are static.
    unsafe { String::from_utf8_lossy(sys::bytes((*cmd).name)).into_owned() }
}

/// `rust_page_cache`
unsafe extern "C" fn set_page_cache(
    cf: *mut ngx_conf_t,
    _cmd: *mut ngx_command_t,
    conf: *mut c_void,
) -> *mut c_char {
    // SAFETY: nginx calls a setter with its own `cf` and the conf that we created.
    let (conf, words) = unsafe { (&mut *conf.cast::<LocConf>(), words(cf)) };
    if !matches!(conf.setting, Setting::Unset) {
        return refuse!(
            cf,
            "\"rust_page_cache\" directive is duplicate, it may stand once in a block"
        );
    }
    let spec = match directive::parse(&words) {
        Ok(Directive::Off) => {
            conf.setting = Setting::Off;
            conf.written_here = true;
            return OK;
        }
        Ok(Directive::On(spec)) => spec,
        Err(err) => return refuse!(cf, "\"rust_page_cache\" directive: {err}"),
    };
    // SAFETY: `cf` is nginx's.
    match unsafe { compile(cf, spec) } {
        Ok(site) => {
            conf.setting = Setting::On(Rc::new(site));
            conf.written_here = true;
            OK
        }
        Err(()) => ERROR,
    }
}

/// Turns parameters into what the request path needs. An error has been logged.
///
/// # Safety
/// `cf` must be nginx's, inside a setter.
unsafe fn compile(cf: *mut ngx_conf_t, spec: Spec) -> Result<Site, ()> {
    // SAFETY: `cf` is valid throughout.
    unsafe {
        let upstream = add_upstream(cf, &spec)?;
        let namespace = if spec.recipe == Recipe::Django { DJANGO_NAMESPACE } else { b"" };
        let or = |given: Option<Vec<u8>>, default: &[u8]| given.unwrap_or_else(|| default.to_vec());
        Ok(Site {
            recipe: spec.recipe,
            format: spec.format,
            prefix: compile_text(cf, spec.prefix.unwrap_or_default())?,
            namespace: compile_text(cf, or(spec.namespace, namespace))?,
            uri: spec.uri.map(|uri| compile_text(cf, uri)).transpose()?,
            lang: compile_text(cf, or(spec.lang, DJANGO_LANG))?,
            timezone: compile_text(cf, or(spec.timezone, DJANGO_TIMEZONE))?,
            form: spec.django.map(VaryForm::for_version),
            memory: RefCell::default(),
            fallback: spec.fallback.map(|fallback| match fallback {
                Fallback::Next => Route::Next,
                Fallback::Named(name) => Route::Named([b"@".as_slice(), &name].concat()),
            }),
            protocol: spec.store.protocol,
            handshake: Rc::new(Handshake {
                user: spec.store.user,
                password: spec.store.password,
                db: spec.store.db,
            }),
            upstream,
            place: Place::here(cf),
        })
    }
}

/// Finds the `upstream` block that the store names, or makes one of its addresses.
///
/// # Safety
/// `cf` must be nginx's, inside a setter.
unsafe fn add_upstream(
    cf: *mut ngx_conf_t,
    spec: &Spec,
) -> Result<*mut ngx_http_upstream_srv_conf_t, ()> {
    let url = match &spec.store.address {
        Address::Host { host, port: None } => host.as_bytes().to_vec(),
        Address::Host { host, port: Some(port) } => format!("{host}:{port}").into_bytes(),
        Address::Unix(path) => [b"unix:".as_slice(), path].concat(),
    };
    // SAFETY: `cf` is nginx's; a zeroed ngx_url_t is what ngx_parse_url starts from; strings are
    // copied into cf->pool, since nginx keeps them.
    unsafe {
        let mut u: ngx_url_t = std::mem::zeroed();
        u.url = sys::copy_to_pool((*cf).pool, &url).ok_or(())?;
        u.default_port = spec.store.default_port();
        u.set_no_resolve(1);
        let known = upstreams(cf).len();
        let upstream = ngx_http_upstream_add(cf, &raw mut u, 0);
        if upstream.is_null() {
            return Err(());
        }
        if upstreams(cf).len() > known {
            explain_place(cf, upstream, spec)?;
        }
        Ok(upstream)
    }
}

/// nginx names the file of an upstream that it cannot resolve; make it name the directive too.
///
/// # Safety
/// `cf` must be nginx's and `upstream` just added by us.
unsafe fn explain_place(
    cf: *mut ngx_conf_t,
    upstream: *mut ngx_http_upstream_srv_conf_t,
    spec: &Spec,
) -> Result<(), ()> {
    // SAFETY: nginx prints `file_name` as a C string and does nothing else with it.
    unsafe {
        let old = (*upstream).file_name;
        if old.is_null() {
            return Ok(());
        }
        let old = std::ffi::CStr::from_ptr(old.cast()).to_bytes();
        let text = [
            b"\"rust_page_cache ".as_slice(),
            spec.store.to_string().as_bytes(),
            b"\", which takes a host that resolves or the name of an \"upstream\" block, in ",
            old,
            b"\0",
        ]
        .concat();
        (*upstream).file_name = sys::copy_to_pool((*cf).pool, &text).ok_or(())?.data;
    }
    Ok(())
}

/// All upstreams known so far.
///
/// # Safety
/// `cf` must be nginx's, within `http {}`.
pub unsafe fn upstreams<'a>(cf: *mut ngx_conf_t) -> &'a [*mut ngx_http_upstream_srv_conf_t] {
    // SAFETY: the upstream module is part of every nginx with HTTP; its main conf exists by now.
    unsafe {
        let ctx = (*cf).ctx.cast::<ngx_http_conf_ctx_t>();
        let index = ngx_http_upstream_module.ctx_index;
        let main = (*(*ctx).main_conf.add(index)).cast::<ngx_http_upstream_main_conf_t>();
        (*main).upstreams.as_slice()
    }
}

/// # Safety
/// `cf` must be nginx's, inside a setter.
unsafe fn compile_text(cf: *mut ngx_conf_t, text: Vec<u8>) -> Result<Text, ()> {
    if !text.contains(&b'$') {
        return Ok(Text::Literal(text));
    }
    // SAFETY: `cf` is nginx's; the compiled value and its source stay in cf->pool.
    unsafe {
        let size = size_of::<ngx_http_complex_value_t>();
        let value = ngx_palloc((*cf).pool, size).cast::<ngx_http_complex_value_t>();
        let mut source = sys::copy_to_pool((*cf).pool, &text).ok_or(())?;
        if value.is_null() {
            return Err(());
        }
        let mut compile: ngx_http_compile_complex_value_t = std::mem::zeroed();
        compile.cf = cf;
        compile.value = &raw mut source;
        compile.complex_value = value;
        if ngx_http_compile_complex_value(&raw mut compile) != sys::code::OK {
            return Err(());
        }
        Ok(Text::Complex(value))
    }
}

/// `rust_page_cache_ignore`
unsafe extern "C" fn set_ignore(
    cf: *mut ngx_conf_t,
    _cmd: *mut ngx_command_t,
    conf: *mut c_void,
) -> *mut c_char {
    // SAFETY: nginx calls a setter with its own `cf` and the conf that we created.
    let (conf, words) = unsafe { (&mut *conf.cast::<LocConf>(), words(cf)) };
    let patterns = conf.patterns.get_or_insert_default();
    for word in words {
        let Ok(pattern) = std::str::from_utf8(word) else {
            return refuse!(
                cf,
                "\"rust_page_cache_ignore\" directive: pattern \"{}\" is not UTF-8",
                word.escape_ascii()
            );
        };
        patterns.push(pattern.to_owned());
    }
    let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
    match IgnorePatterns::compile(&patterns) {
        Ok(compiled) => {
            conf.ignore = Some(Rc::new(compiled));
            OK
        }
        Err(err) => refuse!(cf, "\"rust_page_cache_ignore\" directive: {err}"),
    }
}

/// The numeric slot at `cmd.offset`, if nothing was written to it yet.
///
/// # Safety
/// `conf` must be a [`LocConf`] and `cmd` an entry of [`COMMANDS`] whose offset is that of a
/// machine word.
unsafe fn slot<'a>(
    cf: *mut ngx_conf_t,
    cmd: *mut ngx_command_t,
    conf: *mut c_void,
) -> Option<&'a mut usize> {
    // SAFETY: the caller vouches for both; all numeric fields are machine words.
    let slot = unsafe { &mut *conf.byte_add((*cmd).offset).cast::<usize>() };
    if *slot == UNSET {
        return Some(slot);
    }
    // SAFETY: as above.
    let name = unsafe { name_of(cmd) };
    refuse!(cf, "\"{name}\" directive is duplicate, it may stand once in a block");
    None
}

/// A time above zero, in milliseconds.
unsafe extern "C" fn set_time(
    cf: *mut ngx_conf_t,
    cmd: *mut ngx_command_t,
    conf: *mut c_void,
) -> *mut c_char {
    // SAFETY: nginx calls a setter with its own `cf`, `cmd`, conf; TAKE1 ensures one word.
    unsafe {
        let Some(slot) = slot(cf, cmd, conf) else { return ERROR };
        let word = words(cf).first().copied().unwrap_or_default();
        let mut value = sys::str_of(word);
        let ms = ngx_parse_time(&raw mut value, 0);
        if ms <= 0 {
            return refuse!(
                cf,
                "invalid time \"{}\" in \"{}\" directive, it must be above zero, such as 250ms or 1s",
                word.escape_ascii(),
                name_of(cmd)
            );
        }
        *slot = ms as usize;
    }
    OK
}

/// A size above zero, in bytes.
unsafe extern "C" fn set_size(
    cf: *mut ngx_conf_t,
    cmd: *mut ngx_command_t,
    conf: *mut c_void,
) -> *mut c_char {
    // SAFETY: as `set_time`.
    unsafe {
        let Some(slot) = slot(cf, cmd, conf) else { return ERROR };
        let word = words(cf).first().copied().unwrap_or_default();
        let mut value = sys::str_of(word);
        let size = ngx_parse_size(&raw mut value);
        // memcached's length and an ngx_buf_t take more, but nobody means more than a gigabyte.
        if size <= 0 || size > 1 << 30 {
            return refuse!(
                cf,
                "invalid size \"{}\" in \"{}\" directive, it must be from 1 to 1024m, such as 8m or 512k",
                word.escape_ascii(),
                name_of(cmd)
            );
        }
        *slot = size as usize;
    }
    OK
}

/// `rust_page_cache_connections`
unsafe extern "C" fn set_connections(
    cf: *mut ngx_conf_t,
    cmd: *mut ngx_command_t,
    conf: *mut c_void,
) -> *mut c_char {
    // SAFETY: as `set_time`.
    unsafe { set_number(cf, cmd, conf, 1, 64) }
}

/// `rust_page_cache_gzip_flag`
unsafe extern "C" fn set_gzip_flag(
    cf: *mut ngx_conf_t,
    cmd: *mut ngx_command_t,
    conf: *mut c_void,
) -> *mut c_char {
    // SAFETY: as `set_time`.
    unsafe { set_number(cf, cmd, conf, 0, u32::MAX as usize) }
}

/// # Safety
/// As `set_time`.
unsafe fn set_number(
    cf: *mut ngx_conf_t,
    cmd: *mut ngx_command_t,
    conf: *mut c_void,
    least: usize,
    most: usize,
) -> *mut c_char {
    // SAFETY: as `set_time`.
    unsafe {
        let Some(slot) = slot(cf, cmd, conf) else { return ERROR };
        let word = words(cf).first().copied().unwrap_or_default();
        let digits =
            std::str::from_utf8(word).ok().filter(|w| w.bytes().all(|b| b.is_ascii_digit()));
        match digits.and_then(|w| w.parse::<usize>().ok()) {
            Some(number) if (least..=most).contains(&number) => *slot = number,
            _ => {
                return refuse!(
                    cf,
                    "invalid number \"{}\" in \"{}\" directive, it must be from {least} to {most}",
                    word.escape_ascii(),
                    name_of(cmd)
                );
            }
        }
    }
    OK
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
    conf.gzip_flag = word(conf.gzip_flag, prev.gzip_flag, 0);
    if conf.etag == UNSET_FLAG {
        conf.etag = if prev.etag == UNSET_FLAG { 1 } else { prev.etag };
    }
}

#[cfg(ngx_feature = "pcre")]
fn is_regex(core: &ngx_http_core_loc_conf_t) -> bool {
    !core.regex.is_null()
}

#[cfg(not(ngx_feature = "pcre"))]
fn is_regex(_core: &ngx_http_core_loc_conf_t) -> bool {
    false
}
