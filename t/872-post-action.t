# post_action is run, also where the client left while its look-up was under way.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use Time::HiRes qw(sleep);

my $slow = fake_memcached(sub ($c, $key) {
    $c->pause(0.3);
    $key =~ /hit/ ? $c->value($key, "page\n") : $c->send("END\r\n");
});
my $nginx = nginx(server => <<"CONF");
    location / {
        post_action /post;
        rust_page_cache @{[$slow->uri]} key=raw;
    }
    location = /post {
        proxy_pass http://127.0.0.1:@{[app->port]};
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF

sub posted () { return scalar grep { $_->{target} eq '/post' } app->requests }

is $nginx->get('/hit')->body, "page\n", 'a hit';
ok wait_until(\&posted), 'and post_action is run';

for my $target ('/hit', '/miss') {
    app->forget;
    my $client = $nginx->client->send(RustPageCache::Client::get($target));
    sleep 0.1;
    $client->abort;
    ok wait_until(\&posted), "$target: the client has left, and it is run";
    is posted(), 1, "$target: once";
}

$nginx->finish;

done_testing;
