# rust_page_cache_ignore: regular expressions that match the full path from its start.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
my $nginx = nginx(server => <<"CONF");
    location / {
        rust_page_cache @{[memcached->uri]} key=raw uri=p:;
        rust_page_cache_ignore /admin.* "/a/\\d{2}\$" "/(?i:api)/" /\\?draft;
    }
    location /rewritten/ {
        rewrite ^/rewritten(/.*)\$ \$1 break;
        rust_page_cache @{[memcached->uri]} key=raw uri=p:;
        rust_page_cache_ignore /secret;
    }
    location \@django {
        proxy_pass http://127.0.0.1:@{[app->port]};
    }
CONF
memcached->set('p:', "stored\n");

my @table = (
    ['HIT',           'nothing matches',                       '/page'],
    ['BYPASS ignore', 'a prefix',                              '/admin/login/?next=/'],
    ['HIT',           'a match, but not from the start',       '/en/admin/'],
    ['BYPASS ignore', 'anchored at the end',                   '/a/42'],
    ['HIT',           'and then something behind',             '/a/421'],
    ['HIT',           'anchored, and a query',                 '/a/42?x'],
    ['BYPASS ignore', 'without regard to case',                '/Api/v1'],
    ['BYPASS ignore', 'the query is a part of the full path',  '/?draft=1'],
    ['HIT',           'an empty query is not',                 '/?'],
    # The full path is quoted as Django quotes it: %61 is a plain letter.
    ['BYPASS ignore', 'the path is what Django makes of it',   '/%61dmin/'],
    ['BYPASS ignore', 'after a rewrite, the current path',     '/rewritten/secret/1'],
    ['HIT',           'after a rewrite, another path',         '/rewritten/public/1'],
);

for my $row (@table) {
    my ($outcome, $name, $target) = @$row;
    is $nginx->get($target)->cache, $outcome, "$name: $target: $outcome";
}

my $asked = memcached->stat('cmd_get');
$nginx->get('/admin/');
is memcached->stat('cmd_get'), $asked, 'an ignored path does not ask the store';

$nginx->finish;

done_testing;
