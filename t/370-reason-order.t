# Of several reasons not to look up, the first in the order of the reference is given.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
memcached->set('/page', "stored\n");

my $nginx = nginx(server => <<"CONF");
    location / {
        rust_page_cache @{[memcached->uri]} key=raw uri=\$arg_key;
        rust_page_cache_bypass \$arg_bypass;
        rust_page_cache_ignore /ignored //;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF

# Every request below has all of the later reasons too: the key is empty.
my $raw     = sub ($method, $target, $rest) {
    return $nginx->raw("$method $target HTTP/1.0\r\n$rest");
};
my $body = "Content-Length: 1\r\n\r\nx";
my @table = (
    ['method', 'POST', '//ignored#?bypass=1', $body],
    ['body',   'GET',  '//ignored?bypass=1',  $body],
    ['bypass', 'GET',  '//ignored?bypass=1',  "\r\n"],
    ['ignore', 'GET',  '//ignored',           "\r\n"],
    ['target', 'GET',  '/a/../page',          "\r\n"],
    ['host',   'GET',  '/page',               "\r\n"],
    ['key',    'GET',  '/page',               "Host: localhost\r\n\r\n"],
);
for my $row (@table) {
    my ($reason, @request) = @$row;
    is $raw->(@request)->cache, "BYPASS $reason", "$request[0] $request[1]: $reason";
}
is $nginx->get('/page?key=/page')->cache, 'HIT', 'without any of them the page is served';

$nginx->finish;

done_testing;
