# HEAD: the page that GET stored, else the one that HEAD stored.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Django qw(header_key page_key pickled_list pickled_page);

my %store = (memcached => memcached, redis => redis);
for my $name (sort keys %store) {
    my $store = $store{$name};
    my $nginx = nginx(server => <<"CONF");
    location / {
        rust_page_cache @{[$store->uri]};
    }
    location \@django {
        proxy_pass http://127.0.0.1:@{[app->port]};
    }
CONF
    my $flags = $name eq 'redis' ? 0 : 1;
    my $put   = sub ($path, $method, $body) {
        my $uri = "http://localhost$path";
        $store->set(header_key(uri => $uri), pickled_list(), $flags);
        $store->set(page_key(uri => $uri, method => $method), pickled_page(
            headers => [['Content-Type', 'text/html'], ['X-Page', $method]],
            body    => $body,
        ), $flags);
    };
    $put->('/get',  'GET',  'a page');
    $put->('/head', 'HEAD', 'another page');
    $put->('/both', 'GET',  'a page');
    $put->('/both', 'HEAD', 'another page');

    for my $turn (1, 2) {
        my $get = $nginx->request('HEAD', '/get');
        is $get->cache, 'HIT', "$name, $turn: what GET stored";
        is $get->header('Content-Length'), 6, "$name, $turn: what GET stored: length";
        my $head = $nginx->request('HEAD', '/head');
        is $head->cache, 'HIT', "$name, $turn: what HEAD stored";
        is $head->header('Content-Length'), 12, "$name, $turn: what HEAD stored: length";
        is $nginx->request('HEAD', '/both')->header('X-Page'), 'GET', "$name, $turn: GET's comes first";
        is $nginx->request('HEAD', '/none')->cache, 'MISS absent', "$name, $turn: neither";
        is $nginx->get('/head')->cache, 'MISS absent', "$name, $turn: a GET does not get what HEAD stored";
        is $nginx->get('/get')->body, 'a page', "$name, $turn: a GET gets its own";
    }
    $nginx->finish($name);
}

done_testing;
