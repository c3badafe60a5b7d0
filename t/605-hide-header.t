# rust_page_cache_hide_header: stored fields that clients do not get.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use HTTP::Date qw(time2str);
use RustPageCache::Django qw(pickled_page);

my @stored = (
    ['Content-Type',     'text/html'],
    ['X-Internal-Debug', 'query plan'],
    ['x-other',          'other'],
    ['ETag',             '"stored"'],
    ['Last-Modified',    'Sun, 06 Nov 1994 08:49:37 GMT'],
    ['Cache-Control',    'max-age=600'],
    ['Expires',          time2str(time + 500)],
    ['Content-Language', 'de'],
);
my $page = pickled_page(headers => \@stored, body => "a page\n");
memcached->set('page', $page, 1);
redis->set('page', $page);

my $directive = "rust_page_cache @{[memcached->uri]} key=raw uri=page format=django";
my $nginx     = nginx(
    http => <<'HTTP',
    rust_page_cache_hide_header X-Internal-Debug;
    rust_page_cache_hide_header X-OTHER;
HTTP
    server => <<"CONF",
    location /inherited {
        $directive;
    }
    location /redis {
        rust_page_cache @{[redis->uri]} key=raw uri=page format=django;
    }
    location /own {
        $directive;
        rust_page_cache_hide_header content-language;
    }
    location /if {
        $directive;
        if (\$arg_hide) {
            rust_page_cache_hide_header Content-Language;
        }
    }
    location /validators {
        $directive;
        rust_page_cache_hide_header ETag;
        rust_page_cache_hide_header Last-Modified;
        rust_page_cache_etag off;
    }
    location /etag {
        $directive;
        rust_page_cache_hide_header ETag;
    }
    location /age {
        $directive;
        rust_page_cache_hide_header Age;
    }
    location /freshness {
        $directive;
        rust_page_cache_hide_header Cache-Control;
        rust_page_cache_hide_header Expires;
    }
    location /type {
        $directive;
        rust_page_cache_hide_header Content-Type;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
);

# Names of the stored fields, and Age, that a client gets.
sub fields ($response) {
    return join ' ', grep { defined $response->header($_) } 'Age', map { $_->[0] } @stored;
}
my @all = ('Age', map { $_->[0] } @stored);

sub all_but (@names) {
    my %hidden = map { $_ => 1 } @names;
    return join ' ', grep { !$hidden{$_} } @all;
}

for my $row (
    ['/inherited',   'X-Internal-Debug', 'x-other'],
    ['/redis',       'X-Internal-Debug', 'x-other'],
    ['/own',         'Content-Language'],
    ['/if',          'X-Internal-Debug', 'x-other'],
    ['/if?hide=1',   'X-Internal-Debug', 'x-other', 'Content-Language'],
    ['/validators',  'ETag', 'Last-Modified'],
    ['/age',         'Age'],
    ['/freshness',   'Cache-Control', 'Expires'],
    ['/type',        'Content-Type'],
) {
    my ($target, @hidden) = @$row;
    my $response = $nginx->get($target);
    is $response->cache, 'HIT', "$target: a hit";
    is $response->body, "a page\n", "$target: the page";
    is fields($response), all_but(@hidden), "$target: all but @hidden";
}

# What is hidden is not there for nginx's own filters either.
is $nginx->get('/validators', 'If-None-Match'     => '"stored"')->status, 200, 'a hidden ETag is no validator';
is $nginx->get('/validators', 'If-Modified-Since' => $stored[4][1])->status, 200, 'nor is a hidden date';
is $nginx->get('/own',        'If-None-Match'     => '"stored"')->status, 304, 'one that is shown is';
my $etag = $nginx->get('/etag')->header('ETag');
like $etag, qr/^"[0-9a-f]{32}"$/, 'a page whose ETag is hidden gets one of nginx';
is $nginx->get('/etag', 'If-None-Match' => $etag)->status, 304, 'which is a validator';

# And neither is it there when a filter of nginx adds a field of that name.
is $nginx->get('/type')->header('Content-Type'), undef, 'no default_type in its place';

$nginx->finish;

done_testing;
