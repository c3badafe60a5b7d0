# Only GET and HEAD are looked up; every other method reaches the application whole.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
memcached->set('/page', "stored\n");

my $nginx = nginx(server => <<"CONF");
    rust_page_cache @{[memcached->uri]} key=raw;
    client_body_buffer_size 1k;

    # The location's own handler is the fallback.
    location / {
        proxy_pass http://127.0.0.1:@{[app->port]};
    }
    # And so is a named location.
    location = /named {
        rust_page_cache @{[memcached->uri]} key=raw uri=/page;
    }
    location \@django {
        proxy_pass http://127.0.0.1:@{[app->port]};
    }
CONF

# More than a buffer, and bytes of every kind.
my $large = join '', map { chr($_ % 256) } 1 .. 100_000;

for my $target ('/page', '/named') {
    for my $method (qw(POST PUT DELETE PATCH OPTIONS PROPFIND)) {
        for my $body ('', 'a=1&b=2', $large) {
            my $name = "$method $target, a body of " . length $body;
            app->forget;
            my $response = $nginx->request($method, $target, $body);
            is $response->cache, 'BYPASS method', $name;
            is $response->body, "app $method $target\n$body", "$name: the answer is the application's";
            is scalar(() = app->requests), 1, "$name: the application was asked once";
            is app->last->{method}, $method, "$name: method";
            is app->last->{body}, $body, "$name: body";
        }
    }

    my $chunked = "7\r\na=1&b=2\r\n0\r\n\r\n";
    app->forget;
    my $response = $nginx->request('POST', $target, $chunked, 'Transfer-Encoding' => 'chunked');
    is $response->cache, 'BYPASS method', "chunked POST $target";
    is app->last->{body}, 'a=1&b=2', "chunked POST $target: body";

    is $nginx->get($target)->body, "stored\n", "GET $target after all these is a hit";
}

$nginx->finish;

done_testing;
