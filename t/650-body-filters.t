# gzip, sub_filter and charset work on a hit as on any response.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use IO::Uncompress::Gunzip qw(gunzip);

my $page = "stored page\n" x 1000;
memcached->set('/page', $page);
memcached->set('/coded', "\xc1\xc2 abc");

my $nginx = nginx(
    http => <<'CONF',
    charset_map one two {
        C1 D1;
        C2 D2;
    }
    gzip_min_length 20;
    sub_filter_types *;
    # A copy of the page is what they work on; the page itself stays as it is.
    output_buffers 2 4k;
CONF
    server => <<"CONF",
    rust_page_cache @{[memcached->uri]} key=raw uri=/page fallback=next;
    location / {
    }
    location /gzip {
        gzip on;
        gzip_types *;
    }
    location /sub {
        sub_filter stored 'served';
        sub_filter_once off;
    }
    location /both {
        gzip on;
        gzip_types *;
        sub_filter stored 'served';
        sub_filter_once off;
    }
    location /charset {
        rust_page_cache @{[memcached->uri]} key=raw uri=/coded fallback=next;
        charset two;
        source_charset one;
        override_charset on;
        charset_types *;
    }
    location /plain-coded {
        rust_page_cache @{[memcached->uri]} key=raw uri=/coded fallback=next;
    }
CONF
);

# Twice over one connection each, so that a page changed in place would show.
for my $turn (1, 2) {
    my $zipped = $nginx->get('/gzip', 'Accept-Encoding' => 'gzip');
    is $zipped->header('Content-Encoding'), 'gzip', "gzip, $turn";
    like $zipped->header('ETag'), qr{^W/"}, "gzip, $turn: the entity-tag becomes a weak one";
    gunzip(\$zipped->body, \my $unzipped);
    is $unzipped, $page, "gzip, $turn: the page";
    is $zipped->cache, 'HIT', "gzip, $turn: a hit";

    my $plain = $nginx->get('/gzip');
    is $plain->header('Content-Encoding'), undef, "gzip, $turn: not for who does not take it";
    is $plain->body, $page, "gzip, $turn: who gets the page";

    my $changed = $page =~ s/stored/served/gr;
    my $sub     = $nginx->get('/sub');
    is $sub->body, $changed, "sub_filter, $turn";
    unlike $sub->header('ETag') // '', qr/^"/, "sub_filter, $turn: no strong entity-tag";

    my $both = $nginx->get('/both', 'Accept-Encoding' => 'gzip');
    gunzip(\$both->body, \my $together);
    is $together, $changed, "sub_filter and gzip, $turn";

    is $nginx->get('/charset')->body, "\xd1\xd2 abc", "charset, $turn: recoded";
    is $nginx->get('/plain-coded')->body, "\xc1\xc2 abc", "charset, $turn: the page stays as it was";
    is $nginx->get('/other')->body, $page, "without filters, $turn";
}

# Requests that may share one look-up do not share what the filters make of it.
my @targets = map { ('/charset', '/plain-coded', '/sub', '/other') } 1 .. 8;
my %wanted  = (
    '/charset'     => "\xd1\xd2 abc",
    '/plain-coded' => "\xc1\xc2 abc",
    '/sub'         => $page =~ s/stored/served/gr,
    '/other'       => $page,
);
my @responses = $nginx->get_many(@targets);
is $responses[$_]->body, $wanted{$targets[$_]}, "at once, $_: $targets[$_]" for 0 .. $#targets;

$nginx->finish;

done_testing;
