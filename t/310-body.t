# A GET with a body is the application's.

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
        rust_page_cache @{[memcached->uri]} key=raw;
    }
    location \@django {
        proxy_pass http://127.0.0.1:@{[app->port]};
    }
CONF

for my $method (qw(GET HEAD)) {
    app->forget;
    my $response = $nginx->request($method, '/page', 'query');
    is $response->cache, 'BYPASS body', "$method with Content-Length";
    is app->last->{body}, 'query', "$method with Content-Length: the body arrived";

    app->forget;
    $response = $nginx->request($method, '/page', "5\r\nquery\r\n0\r\n\r\n",
        'Transfer-Encoding' => 'chunked');
    is $response->cache, 'BYPASS body', "chunked $method";
    is app->last->{body}, 'query', "chunked $method: the body arrived";

    app->forget;
    $response = $nginx->request($method, '/page', '', 'Content-Length' => 0);
    is $response->cache, 'HIT', "$method with a Content-Length of 0 has no body";
    is scalar(() = app->requests), 0, "$method with a Content-Length of 0: nobody else is asked";
}

# What follows a body on the same connection is a request of its own.
my $client = $nginx->client;
$client->send(RustPageCache::Client::message('GET', '/page', 'query', Connection => 'keep-alive'));
is $client->response->cache, 'BYPASS body', 'a body, and then';
$client->send(RustPageCache::Client::get('/page'));
is $client->response->body, "stored\n", 'a request without one on the same connection';

$nginx->finish;

done_testing;
