//! The table of directives and their setters.
//!
//! What the parameters of `rust_page_cache` mean is decided in `page_cache::directive`, which the
//! command-line tool shares. Whether they fit the rest of the configuration is checked in
//! `check.rs`, when all of it is known.

use std::ffi::{c_char, c_void};
use std::mem::offset_of;
use std::ptr;
use std::rc::Rc;

use ngx::ffi::*;
use ngx::ngx_conf_log_error;
use page_cache::directive::{self, Directive};
use page_cache::key::field::FieldName;
use page_cache::page::GzipFlag;
use page_cache::policy::IgnorePatterns;

use crate::MainConf;
use crate::conf::{LocConf, Setting, UNSET};
use crate::set_header::{SetHeader, Value};
use crate::site;
use crate::sys;

/// `NGX_CONF_OK`
const OK: *mut c_char = ptr::null_mut();
/// `NGX_CONF_ERROR`
const ERROR: *mut c_char = ptr::without_provenance_mut(usize::MAX);

/// Where the directive may stand.
const EVERYWHERE: ngx_uint_t =
    (NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_HTTP_LIF_CONF) as ngx_uint_t;
const FLAG: ngx_uint_t = NGX_CONF_FLAG as ngx_uint_t;
const ONE: ngx_uint_t = NGX_CONF_TAKE1 as ngx_uint_t;
const TWO: ngx_uint_t = NGX_CONF_TAKE2 as ngx_uint_t;
const MORE: ngx_uint_t = NGX_CONF_1MORE as ngx_uint_t;

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
pub static mut COMMANDS: [ngx_command_t; 14] = [
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
    command(ngx::ngx_string!("rust_page_cache_set_header"), TWO, set_header, 0),
    command(ngx::ngx_string!("rust_page_cache_hide_header"), ONE, set_hide_header, 0),
    command(
        ngx::ngx_string!("rust_page_cache_public_only"),
        FLAG,
        ngx_conf_set_flag_slot,
        offset_of!(LocConf, public_only),
    ),
    ngx_command_t {
        name: ngx::ngx_string!("rust_page_cache_max_memory"),
        type_: NGX_HTTP_MAIN_CONF as ngx_uint_t | ONE,
        set: Some(set_memory),
        conf: offset_of!(ngx_http_conf_ctx_t, main_conf),
        offset: offset_of!(MainConf, max_memory),
        post: ptr::null_mut(),
    },
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
    match unsafe { site::compile(cf, spec) } {
        Ok(site) => {
            conf.setting = Setting::On(Rc::new(site));
            conf.written_here = true;
            OK
        }
        Err(()) => ERROR,
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

/// `rust_page_cache_set_header`
unsafe extern "C" fn set_header(
    cf: *mut ngx_conf_t,
    _cmd: *mut ngx_command_t,
    conf: *mut c_void,
) -> *mut c_char {
    // SAFETY: nginx calls a setter with its own `cf` and the conf that we created.
    let (conf, words) = unsafe { (&mut *conf.cast::<LocConf>(), words(cf)) };
    let &[field, value] = words.as_slice() else { return ERROR };
    let name = match FieldName::parse(field) {
        Ok(name) => name,
        Err(why) => {
            return refuse!(
                cf,
                "invalid field \"{}\" in \"rust_page_cache_set_header\" directive, {why}",
                field.escape_ascii()
            );
        }
    };
    // Nobody shares them before they are merged.
    let Some(known) = Rc::get_mut(conf.set_headers.get_or_insert_default()) else { return ERROR };
    if known.iter().any(|header| header.name == name) {
        return refuse!(
            cf,
            "duplicate field \"{}\" in \"rust_page_cache_set_header\" directive, it may stand once \
             in a block",
            field.escape_ascii()
        );
    }
    if name.is_clients(value) {
        known.push(SetHeader { name, value: Value::Client });
        return OK;
    }
    // SAFETY: `cf` is nginx's.
    match unsafe { site::compile_text(cf, value.to_vec()) } {
        Ok(text) => {
            known.push(SetHeader { name, value: Value::Text(text) });
            OK
        }
        Err(()) => ERROR,
    }
}

/// `rust_page_cache_hide_header`
unsafe extern "C" fn set_hide_header(
    cf: *mut ngx_conf_t,
    _cmd: *mut ngx_command_t,
    conf: *mut c_void,
) -> *mut c_char {
    // SAFETY: nginx calls a setter with its own `cf` and the conf that we created.
    let (conf, words) = unsafe { (&mut *conf.cast::<LocConf>(), words(cf)) };
    let word = words.first().copied().unwrap_or_default();
    match Rc::make_mut(conf.hide_headers.get_or_insert_default()).push(word) {
        Ok(()) => OK,
        Err(why) => refuse!(
            cf,
            "invalid field \"{}\" in \"rust_page_cache_hide_header\" directive, {why}",
            word.escape_ascii()
        ),
    }
}

/// The numeric slot at `cmd.offset`, if nothing was written to it yet.
///
/// # Safety
/// `conf` must be a [`LocConf`] or [`MainConf`] and `cmd` an entry of [`COMMANDS`] whose offset is that of a
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
    // SAFETY: the caller vouches for `cf` and `cmd`.
    unsafe { refuse_duplicate(cf, cmd) };
    None
}

/// # Safety
/// As [`slot`].
unsafe fn refuse_duplicate(cf: *mut ngx_conf_t, cmd: *mut ngx_command_t) -> *mut c_char {
    // SAFETY: the caller vouches for both.
    let name = unsafe { name_of(cmd) };
    refuse!(cf, "\"{name}\" directive is duplicate, it may stand once in a block")
}

/// The longest time that makes sense, in milliseconds: an hour.
const LONGEST_TIME: ngx_int_t = 3_600_000;

/// A time up to an hour, in milliseconds.
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
        if !(1..=LONGEST_TIME).contains(&ms) {
            return refuse!(
                cf,
                "invalid time \"{}\" in \"{}\" directive, it must be from 1ms to 1h, such as 250ms or 1s",
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
    // memcached's length and an ngx_buf_t take more, but nobody means more than a gigabyte.
    // SAFETY: as `set_time`.
    unsafe { set_bytes(cf, cmd, conf, 1, 1 << 30, "from 1 to 1024m, such as 8m or 512k") }
}

/// # Safety
/// As `set_time`.
unsafe fn set_bytes(
    cf: *mut ngx_conf_t,
    cmd: *mut ngx_command_t,
    conf: *mut c_void,
    least: isize,
    most: isize,
    allowed: &str,
) -> *mut c_char {
    // SAFETY: as `set_time`.
    unsafe {
        let Some(slot) = slot(cf, cmd, conf) else { return ERROR };
        let word = words(cf).first().copied().unwrap_or_default();
        let mut value = sys::str_of(word);
        let size = ngx_parse_size(&raw mut value);
        if !(least..=most).contains(&size) {
            return refuse!(
                cf,
                "invalid size \"{}\" in \"{}\" directive, it must be {allowed}",
                word.escape_ascii(),
                name_of(cmd)
            );
        }
        *slot = size as usize;
    }
    OK
}

/// `rust_page_cache_max_memory`, in bytes.
unsafe extern "C" fn set_memory(
    cf: *mut ngx_conf_t,
    cmd: *mut ngx_command_t,
    conf: *mut c_void,
) -> *mut c_char {
    // SAFETY: as `set_time`.
    unsafe { set_bytes(cf, cmd, conf, 1 << 20, 1 << 40, "from 1m to 1048576m, such as 128m") }
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
    // SAFETY: nginx calls a setter with its own `cf`, `cmd`, conf; TAKE1 ensures one word.
    unsafe {
        let slot = &raw mut (*conf.cast::<LocConf>()).gzip_flag;
        if (*slot).is_some() {
            return refuse_duplicate(cf, cmd);
        }
        let word = words(cf).first().copied().unwrap_or_default();
        let Some(flag) = GzipFlag::parse(word) else {
            return refuse!(
                cf,
                "invalid value \"{}\" in \"{}\" directive, it must be \"magic\" or the flag bits as a number from 0 to {}",
                word.escape_ascii(),
                name_of(cmd),
                u32::MAX
            );
        };
        *slot = Some(flag);
    }
    OK
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
