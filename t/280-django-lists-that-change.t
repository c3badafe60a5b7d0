# A header list that is remembered and no longer holds never serves a wrong page.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Django qw(header_key page_key pickled_list pickled_page vary_digest);

my $uri   = 'http://localhost/page';
my $nginx = nginx(server => <<"CONF");
    location / {
        rust_page_cache @{[memcached->uri]} django=6.1.3;
        add_header X-Cache \$rust_page_cache_status;
        add_header X-Cache-Reason \$rust_page_cache_reason;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF

sub list (@names) {
    memcached->set(header_key(uri => $uri), pickled_list(@names), 1);
    return;
}

sub page ($body, @values) {
    my $digest = vary_digest('netstring-absent', @values);
    memcached->set(page_key(uri => $uri, digest => $digest), pickled_page(body => $body), 1);
    return;
}

sub ask (@headers) { return $nginx->get('/page', @headers) }

for my $turn (1 .. 3) {
    memcached->flush;
    is ask()->cache, 'MISS absent', "$turn: nothing yet";
    list();
    page("for everybody\n");
    is ask(Cookie => 'a=1')->body, "for everybody\n", "$turn: a page that does not vary";
    is ask(Cookie => 'a=1')->body, "for everybody\n", "$turn: and again, with the list remembered";

    # It varies from now on; the old page is still there.
    list('HTTP_COOKIE');
    is ask(Cookie => 'a=1')->cache, 'MISS absent', "$turn: the old page is not served any more";
    page("for a=1\n", 'a=1');
    page("for a=2\n", 'a=2');
    is ask(Cookie => 'a=1')->body, "for a=1\n", "$turn: to each his own";
    is ask(Cookie => 'a=2')->body, "for a=2\n", "$turn: and to the other";

    list('HTTP_HX_TARGET', 'HTTP_COOKIE');
    is ask(Cookie => 'a=1', 'HX-Target' => '1')->cache, 'MISS absent', "$turn: one more header";
    page("both\n", '1', 'a=1');
    is ask(Cookie => 'a=1', 'HX-Target' => '1')->body, "both\n", "$turn: a page for both";
    # The order of the list is part of the key.
    list('HTTP_COOKIE', 'HTTP_HX_TARGET');
    is ask(Cookie => 'a=1', 'HX-Target' => '1')->cache, 'MISS absent', "$turn: the other way round";

    list();
    is ask(Cookie => 'a=1')->body, "for everybody\n", "$turn: back again";

    # cache.delete() of the header entry, with every page still there.
    memcached->delete(header_key(uri => $uri));
    is ask(Cookie => 'a=1')->cache, 'MISS absent', "$turn: no list, no page";
    list();
    memcached->delete(page_key(uri => $uri, digest => vary_digest('netstring-absent')));
    is ask(Cookie => 'a=1')->cache, 'MISS absent', "$turn: no page";
}

$nginx->finish;

done_testing;
