# Targets of which nginx and applications make different things are the application's.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Django qw(full_path refused_target);

my $nginx = nginx(server => <<"CONF");
    location / {
        rust_page_cache @{[memcached->uri]} key=raw;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF

my @refused = (
    "/caf\xc3\xa9/",         # bytes above 0x7f, be they UTF-8
    "/caf\xe9/",
    "/?q=caf\xc3\xa9",       # or in the query
    '/a#b', '/#', '/?a#b',
    '//a', '//localhost/a', '///',
    'http://localhost/a', 'http://localhost', 'HTTP://localhost/a?b',
    '/%ff', '/x%C0%AFy', '/x%ED%A0%80y', '/x%E4%BD',    # not UTF-8 once decoded
    '/a/./b', '/a/../b', '/./a', '/a/%2e/b', '/a/%2E%2e/b', '/a/.%2e/b', '/a%2f.%2fb',
);
my @served = (
    '/', '/a', '/caf%C3%A9/', '/caf%c3%a9/', '/a//b', '/a%2Fb', '/a;b', '/a%20b', '/x%25FFy',
    '/?a=//b', '/?a=/../b', '/?q=%ff', '/a%23b', '/a%3Fb', '/.a/..b/c.', '/...', '/?http://x/',
    "/a'b", '/a[b]', '/a|b', '/a"b',
);

for my $target (@refused) {
    ok refused_target($target), printable($target) . ': the table and the oracle agree';
    my $key = full_path($target);
    memcached->set($key, "stored\n");
    my $response = $nginx->get($target);
    is $response->cache, 'BYPASS target', printable($target) . ': not looked up';
    is $response->body, "fallback\n", printable($target) . ': the fallback answers';
}
for my $target (@served) {
    ok !refused_target($target), "$target: the table and the oracle agree";
    memcached->set(full_path($target), "stored $target\n");
    my $response = $nginx->get($target);
    is $response->cache, 'HIT', "$target: looked up";
    is $response->body, "stored $target\n", "$target: served";
}

$nginx->finish;

sub printable ($bytes) { return $bytes =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger }

done_testing;
