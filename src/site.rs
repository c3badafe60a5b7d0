//! One `rust_page_cache STORE ...`, compiled for the request path.

use std::rc::Rc;

use ngx::ffi::*;
use page_cache::directive::{Address, Fallback, Format, Spec};
use page_cache::key::Recipe;
use page_cache::key::vary::VaryForm;
use page_cache::pipeline::Handshake;
use page_cache::wire::Protocol;

use crate::sys;

/// A parameter that may hold variables.
#[derive(Clone)]
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
    /// The form of the Vary digest (`django=`); without it pages that vary are not looked up.
    pub form: Option<VaryForm>,
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

/// Turns parameters into what the request path needs. An error has been logged.
///
/// # Safety
/// `cf` must be nginx's, inside a setter.
pub unsafe fn compile(cf: *mut ngx_conf_t, spec: Spec) -> Result<Site, ()> {
    // SAFETY: `cf` is valid throughout.
    unsafe {
        let upstream = add_upstream(cf, &spec)?;
        let namespace = compile_text(cf, spec.namespace().to_vec())?;
        let lang = compile_text(cf, spec.lang().to_vec())?;
        let zone = compile_text(cf, spec.timezone().to_vec())?;
        Ok(Site {
            recipe: spec.recipe,
            format: spec.format,
            prefix: compile_text(cf, spec.prefix.unwrap_or_default())?,
            namespace,
            uri: spec.uri.map(|uri| compile_text(cf, uri)).transpose()?,
            lang,
            timezone: zone,
            form: spec.django,
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
unsafe fn upstreams<'a>(cf: *mut ngx_conf_t) -> &'a [*mut ngx_http_upstream_srv_conf_t] {
    // SAFETY: the upstream module is part of every nginx with HTTP; its main conf exists by now.
    unsafe {
        let ctx = (*cf).ctx.cast::<ngx_http_conf_ctx_t>();
        let index = ngx_http_upstream_module.ctx_index;
        let main = (*(*ctx).main_conf.add(index)).cast::<ngx_http_upstream_main_conf_t>();
        (*main).upstreams.as_slice()
    }
}

/// Compiles a parameter that may hold variables. An error has been logged.
///
/// # Safety
/// `cf` must be nginx's, inside a setter.
pub unsafe fn compile_text(cf: *mut ngx_conf_t, text: Vec<u8>) -> Result<Text, ()> {
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
