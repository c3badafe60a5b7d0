# rust_page_cache_bypass: not looked up if any string is non-empty and not 0.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
memcached->set('/page', "stored\n");

my $nginx = nginx(server => <<"CONF");
    location = /page {
        rust_page_cache @{[memcached->uri]} key=raw uri=/page;
        rust_page_cache_bypass \$cookie_sessionid \$arg_nocache \$http_x_a\$http_x_b;
    }
    location = /constant {
        rust_page_cache @{[memcached->uri]} key=raw uri=/page;
        rust_page_cache_bypass yes;
    }
    location = /zero {
        rust_page_cache @{[memcached->uri]} key=raw uri=/page;
        rust_page_cache_bypass 0 "";
    }
    location \@django {
        proxy_pass http://127.0.0.1:@{[app->port]};
    }
CONF

my @table = (
    ['HIT',           'nothing is set',               '/page'],
    ['BYPASS bypass', 'the first string',             '/page', Cookie => 'sessionid=abc'],
    ['HIT',           'another cookie',               '/page', Cookie => 'other=abc'],
    ['HIT',           'an empty cookie',              '/page', Cookie => 'sessionid='],
    ['HIT',           'a cookie of 0',                '/page', Cookie => 'sessionid=0'],
    ['BYPASS bypass', 'a cookie of 00',               '/page', Cookie => 'sessionid=00'],
    ['BYPASS bypass', 'the second string',            '/page?nocache=1'],
    ['HIT',           'the second string is 0',       '/page?nocache=0'],
    ['BYPASS bypass', 'two variables in one string',  '/page', 'X-B' => '1'],
    ['BYPASS bypass', 'which together make 00',       '/page', 'X-A' => '0', 'X-B' => '0'],
    ['BYPASS bypass', 'any one is enough',            '/page?nocache=0', Cookie => 'sessionid=x'],
    ['BYPASS bypass', 'text without variables',       '/constant'],
    ['HIT',           'text without effect',          '/zero'],
);

for my $row (@table) {
    my ($outcome, $name, $target, @headers) = @$row;
    my $response = $nginx->get($target, @headers);
    is $response->cache, $outcome, "$name: $outcome";
    is $response->body, $outcome eq 'HIT' ? "stored\n" : "app GET $target\n", "$name: body";
}

my $asked = memcached->stat('cmd_get');
$nginx->get('/constant');
is memcached->stat('cmd_get'), $asked, 'a bypass does not ask the store';

$nginx->finish;

done_testing;
