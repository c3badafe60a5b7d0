# A request without a Host, or with one that did not choose the server, is the application's.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
memcached->set('/page', "stored\n");

my $nginx = nginx(server => <<"CONF");
    server_name example.com *.example.org;
    location / {
        rust_page_cache @{[memcached->uri]} key=raw;
    }
    # A rewritten path is compared no more with the target that was sent.
    location /rewritten {
        rewrite ^ /page break;
        rust_page_cache @{[memcached->uri]} key=raw;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF

for my $host (
    'localhost', 'example.com', 'www.example.org', 'EXAMPLE.Com', 'example.com:8080', 'example.com.',
    'example.com.:80', '127.0.0.1', '[::1]', '[::1]:8080', 'ex_ample.com', 'unknown.example',
    )
{
    is $nginx->get('/page', Host => $host)->cache, 'HIT', "Host: $host";
}

is $nginx->raw("GET /page HTTP/1.0\r\n\r\n")->cache, 'BYPASS host', 'HTTP/1.0 without Host';
is $nginx->raw("GET /page HTTP/1.0\r\nHost: example.com\r\n\r\n")->cache, 'HIT',
    'HTTP/1.0 with Host';

my $other = "GET http://example.com/rewritten HTTP/1.1\r\nHost: www.example.org\r\n"
    . "Connection: close\r\n\r\n";
my $response = $nginx->raw($other);
like $response->cache, qr/^BYPASS (?:host|target)$/, 'absolute form with another Host';
is $response->body, "fallback\n", 'absolute form with another Host: the fallback answers';

$nginx->finish;

done_testing;
