//! Hands what nginx-sys found out about nginx on to the compiler.
//!
//! Cargo passes a `links` crate's metadata only to direct dependents, hence
//! `nginx-sys` among the dependencies.

use std::env;

fn main() {
    declare("ngx_feature", "DEP_NGINX_FEATURES");
    declare("ngx_os", "DEP_NGINX_OS");

    // ngx_table_elt_t got a `next` link in 1.23.0.
    println!("cargo::rustc-check-cfg=cfg(ngx_linked_headers)");
    println!("cargo::rerun-if-env-changed=DEP_NGINX_VERSION_NUMBER");
    let version = env::var("DEP_NGINX_VERSION_NUMBER").ok().and_then(|v| v.parse::<u64>().ok());
    if version.is_some_and(|v| v >= 1_023_000) {
        println!("cargo::rustc-cfg=ngx_linked_headers");
    }
    compile_request_bits();
}

/// What the bindings cannot be trusted with, compiled against nginx's own headers.
fn compile_request_bits() {
    const SOURCE: &str = "src/request_bits.c";
    println!("cargo::rerun-if-changed={SOURCE}");
    println!("cargo::rerun-if-env-changed=DEP_NGINX_INCLUDE");
    println!("cargo::rerun-if-env-changed=DEP_NGINX_CFLAGS");
    let mut build = cc::Build::new();
    build.file(SOURCE).warnings(false);
    if let Some(paths) = env::var_os("DEP_NGINX_INCLUDE") {
        build.includes(env::split_paths(&paths));
    }
    for flag in env::var("DEP_NGINX_CFLAGS").unwrap_or_default().split_whitespace() {
        build.flag(flag);
    }
    build.compile("request_bits");
}

/// Turns a comma-separated list of nginx-sys into values of `cfg(name = "...")`.
fn declare(name: &str, variable: &str) {
    println!("cargo::rerun-if-env-changed={variable}");
    println!("cargo::rerun-if-env-changed={variable}_CHECK");
    let known = env::var(format!("{variable}_CHECK")).unwrap_or_else(|_| "any()".to_owned());
    println!("cargo::rustc-check-cfg=cfg({name}, values({known}))");
    for value in env::var(variable).unwrap_or_default().split(',').map(str::trim) {
        if !value.is_empty() {
            println!("cargo::rustc-cfg={name}=\"{value}\"");
        }
    }
}
